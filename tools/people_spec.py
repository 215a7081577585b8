"""Who `bake_people.py` bakes: bodies, poses and clothes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pose:
    """Joint angles, degrees; pairs are left, right. Swings are positive forwards, `out` sideways."""

    lean: float = 2.0
    thigh: tuple[float, float] = (0, 0)
    knee: tuple[float, float] = (4, 4)
    leg_out: tuple[float, float] = (4, 4)
    arm: tuple[float, float] = (2, 2)
    elbow: tuple[float, float] = (15, 15)
    arm_out: tuple[float, float] = (10, 10)
    forearm_in: tuple[float, float] = (5, 5)
    foot: tuple[float, float] = (0, 0)
    head: float = 0.0
    head_turn: float = 0.0


@dataclass(frozen=True)
class Person:
    """Body, pose and clothes of one baked person."""

    body: tuple[float, float, float, float]  # gender (1 = female), age, weight, height, all 0-1
    pose: Pose
    sleeves: str = "long"  # long, short
    legs: str = "trousers"  # trousers, shorts, skirt, dress
    coat: float = 0.0  # Reach of the coat below the hip, metres; 0 for a hip-length top.
    thick: float = 0.018
    hair: str = "short"  # short, long, bun, cap, bald, helmet
    bag: str = ""  # backpack, handbag, shopping
    seed: int = field(default=0)


STAND = Pose()
STRIDE = Pose(thigh=(27, -18), knee=(6, 16), arm=(-22, 24), elbow=(14, 28), foot=(12, -22), lean=4)
STRIDE_R = Pose(thigh=(-20, 25), knee=(22, 5), arm=(24, -20), elbow=(30, 12), foot=(-28, 12), lean=4)
PASS = Pose(thigh=(4, 12), knee=(4, 42), arm=(4, -2), elbow=(20, 16), foot=(0, -30), lean=3)
PASS_R = Pose(thigh=(14, 2), knee=(46, 4), arm=(-4, 6), elbow=(14, 22), foot=(-32, 0), lean=3)
SHORT = Pose(thigh=(16, -11), knee=(6, 12), arm=(-10, 12), elbow=(12, 20), foot=(6, -12), lean=4)
TALK = Pose(arm=(18, 5), elbow=(85, 20), forearm_in=(25, 5), leg_out=(7, 6), head_turn=18)
PHONE = Pose(arm=(25, 3), elbow=(125, 15), arm_out=(22, 9), forearm_in=(-5, 5), head=8, head_turn=-10)
READ = Pose(arm=(22, 20), elbow=(80, 82), forearm_in=(28, 28), head=25)
POCKET = Pose(arm=(-14, -14), elbow=(38, 38), arm_out=(18, 18), forearm_in=(18, 18), leg_out=(6, 7))
FOLDED = Pose(arm=(25, 22), elbow=(98, 95), arm_out=(12, 12), forearm_in=(62, 58), leg_out=(7, 6))
CONTRAPOSTO = Pose(thigh=(8, -2), knee=(16, 1), leg_out=(9, 2), arm=(5, -4), elbow=(22, 12), head_turn=-25)
STOOP = Pose(thigh=(16, -8), knee=(12, 18), lean=16, arm=(8, 14), elbow=(25, 40), head=-6, foot=(4, -10))
RUN = Pose(thigh=(45, -20), knee=(55, 50), arm=(-40, 40), elbow=(85, 90), foot=(-8, -45), lean=11)
PUSH = Pose(thigh=(20, -14), knee=(8, 16), arm=(32, 32), elbow=(42, 42), lean=8, foot=(8, -18))
POINT = Pose(arm=(4, 70), elbow=(15, 12), arm_out=(9, 25), head_turn=-20, leg_out=(6, 6))
RIDE_UP = Pose(
    lean=14,
    thigh=(82, 32),
    knee=(88, 38),
    arm=(42, 42),
    elbow=(22, 22),
    arm_out=(16, 16),
    foot=(-4, -4),
    head=-8,
    leg_out=(5, 5),
    forearm_in=(4, 4),
)
RIDE_MID = Pose(
    lean=27,
    thigh=(55, 78),
    knee=(76, 80),
    arm=(48, 48),
    elbow=(24, 24),
    arm_out=(14, 14),
    foot=(-6, -6),
    head=-18,
    leg_out=(5, 5),
    forearm_in=(4, 4),
)
RIDE_LOW = Pose(
    lean=44,
    thigh=(38, 92),
    knee=(40, 92),
    arm=(62, 62),
    elbow=(18, 18),
    arm_out=(12, 12),
    foot=(-6, -6),
    head=-34,
    leg_out=(4, 4),
    forearm_in=(2, 2),
)

MAN, HEAVY, TALL, SLIM = (0.0, 0.7, 0.5, 0.5), (0.0, 0.75, 0.85, 0.45), (0.0, 0.67, 0.4, 0.8), (0.0, 0.6, 0.3, 0.5)
WOMAN, WOMAN_S, WOMAN_H = (1.0, 0.68, 0.5, 0.5), (1.0, 0.62, 0.3, 0.6), (1.0, 0.75, 0.8, 0.45)
OLD_M, OLD_W, CHILD, KID, TEEN = (
    (0.0, 0.95, 0.55, 0.4),
    (1.0, 0.97, 0.65, 0.4),
    (0.4, 0.33, 0.5, 0.5),
    (0.6, 0.25, 0.5, 0.4),
    (0.3, 0.48, 0.4, 0.5),
)

PEDESTRIANS = (
    Person(MAN, STRIDE, hair="short", thick=0.022),
    Person(MAN, PASS_R, sleeves="short"),
    Person(TALL, STRIDE_R, coat=0.35, thick=0.026),
    Person(HEAVY, SHORT, sleeves="short", hair="bald", thick=0.024),
    Person(SLIM, PASS, bag="backpack", thick=0.024),
    Person(SLIM, STRIDE_R, bag="backpack", sleeves="short", hair="cap"),
    Person(MAN, POCKET, coat=0.12, thick=0.026),
    Person(MAN, TALK, thick=0.02),
    Person(HEAVY, FOLDED, thick=0.026),
    Person(TALL, PHONE, sleeves="short", legs="shorts"),
    Person(TALL, CONTRAPOSTO, hair="bald"),
    Person(MAN, STRIDE, sleeves="short", legs="shorts", hair="cap"),
    Person(SLIM, RUN, sleeves="short", legs="shorts", thick=0.014),
    Person(WOMAN, STRIDE, hair="long", bag="handbag"),
    Person(WOMAN, STRIDE_R, hair="bun", coat=0.38, thick=0.024),
    Person(WOMAN_S, PASS, hair="long", sleeves="short", thick=0.012),
    Person(WOMAN_S, SHORT, hair="long", legs="skirt", sleeves="short", bag="handbag", thick=0.014),
    Person(WOMAN, SHORT, hair="bun", legs="dress", sleeves="short", thick=0.014),
    Person(WOMAN, TALK, hair="long", thick=0.018),
    Person(WOMAN_H, PASS_R, hair="short", bag="shopping", thick=0.022),
    Person(WOMAN_S, CONTRAPOSTO, hair="long", legs="skirt", thick=0.016),
    Person(WOMAN, READ, hair="bun", coat=0.2, thick=0.024),
    Person(WOMAN, PHONE, hair="long", bag="handbag", thick=0.016),
    Person(WOMAN_S, RUN, hair="bun", legs="shorts", sleeves="short", thick=0.012),
    Person(OLD_M, STOOP, hair="cap", coat=0.15, thick=0.028),
    Person(OLD_W, STOOP, hair="short", legs="skirt", thick=0.026, bag="handbag"),
    Person(OLD_W, STAND, hair="bun", coat=0.4, thick=0.028, bag="shopping"),
    Person(OLD_M, STAND, hair="bald", thick=0.024),
    Person(CHILD, STRIDE, hair="short", bag="backpack", thick=0.018),
    Person(CHILD, PASS_R, hair="long", thick=0.016),
    Person(KID, SHORT, hair="cap", thick=0.02),
    Person(KID, STAND, hair="long", legs="dress", sleeves="short", thick=0.014),
    Person(TEEN, PASS, hair="short", thick=0.026, bag="backpack"),
    Person(TEEN, POCKET, hair="cap", thick=0.026),
    Person(MAN, PUSH, thick=0.02),
    Person(MAN, POINT, thick=0.02, hair="short"),
)
RIDERS = (
    Person(MAN, RIDE_MID, sleeves="long"),
    Person(MAN, RIDE_UP, sleeves="short", legs="shorts", hair="helmet"),
    Person(WOMAN, RIDE_UP, hair="long", sleeves="short"),
    Person(WOMAN_S, RIDE_MID, hair="helmet", bag="backpack"),
    Person(SLIM, RIDE_LOW, hair="helmet", legs="shorts", sleeves="short", thick=0.01),
    Person(OLD_M, RIDE_UP, hair="cap", thick=0.024),
    Person(TEEN, RIDE_MID, hair="short", bag="backpack"),
    Person(WOMAN, RIDE_UP, hair="bun", coat=0.16, thick=0.022),
)
