"""Objects that are followed through the images of a camera: where each is expected, and what detection it explains.

Each track is a Kalman filter with constant velocity (Kalman 1960; the noise is white acceleration in continuous time:
Bar-Shalom, Li and Kirubarajan 2001, section 6.2) on five numbers: the centre of the box in pixels, the logarithms of
its width and height, and that of the depth where poses are known. All noise is a share of the object's own size, so it
holds for small and large objects, and all time is read from the stamps, so it holds for any frame rate.

Whether a detection z continues a track is judged by the likelihood ratio (Reid 1979; Blackman and Popoli 1999)

    cost = -ln [N(z; prediction, S) / uniform(z)],    S = P + R,

which is below zero where the track explains z better than an object from anywhere in the image does. A track that was
long unseen has a wide S, so it explains more and everything worse: it needs no gate of its own. Doubtful detections
are used but do not take tracks from confident ones (the idea of ByteTrack, Zhang et al. 2022): here the log-odds of the
score, and how far it is from the track's usual one, are part of the cost, so that one assignment does for its two.

A turning camera moves everything at once. What most tracks moved unforeseen is found by vote and applied to all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.scene.boxes import box_iou
from sim2sg_core.scene.graph import SceneObject

# Of centre x, centre y, ln width, ln height, ln depth; centres in sizes of the object, size = sqrt(width * height).
NOISE = np.array([0.06, 0.06, 0.10, 0.10, 0.10])  # standard deviation of a detection
SPEED = np.array([1.5, 1.5, 0.5, 0.5, 0.5])  # of a new object's rate of change, per second
AGILITY = np.array([1.0, 1.0, 0.3, 0.3, 0.3])  # of the change of that rate in a second, for agility 1
LOG_RANGE = 3.0  # an object from anywhere: its size and depth lie within a factor of e^3
OTHER_CLASS = 4.0  # cost of a change of class: about one in fifty
OTHER_CLASS_IOU = 0.5  # and the least overlap that it takes
CLASS_PATIENCE = 3  # so many detections more of another class than of its own, and a track is of that class
SCORES = (0.02, 0.98)  # where log-odds are cut off
SCORE_WINDOW = 10  # detections over which a track's score is averaged
SCORE_CHANGE = 4.0  # cost of a score that differs from it by 1
PROVEN = 3  # detections that a track needs to tell how the camera moves
VOTERS = 16  # so many of them, the largest, are asked
QUORUM = 3  # fewer may all move by chance
VOTES = 96  # pairs of a track and a detection, the nearest, that are votes
SAME_SIZE = 0.4  # largest difference of ln width and ln height in such a pair
SAME_MOVE = 0.2  # votes are for the same motion within this, in object sizes
CAUTION = 4.0  # so many times a motion's variance is taken for its noise, for few voters move together by chance
DEPTH = 4  # the column that not every object has


@dataclass
class Detections:
    """N detections: `z` (N, 5) measurements, depth NaN where unknown; `label` (N,) codes; `score` (N,)."""

    z: np.ndarray
    label: np.ndarray
    score: np.ndarray


class Tracks:
    """T tracks, as arrays.

    Attributes:
        motion: (5, T, 5) for each of the five numbers its estimate, its rate of change per second, and the
            covariance of the two: variance of the estimate, covariance, variance of the rate.
        has_depth: (T,) whether depth was ever known.
        label: (T,) class code.
        doubt: (T,) by how many detections of other classes outnumber those of its own.
        hits: (T,) number of detections.
        score: (T,) mean score, by and by forgetting.
        seen: (T,) clock when last detected, ns.
        names: (T,) ids.
    """

    def __init__(self) -> None:
        self.motion = np.zeros((5, 0, 5))
        self.has_depth = np.zeros(0, bool)
        self.label, self.doubt, self.hits, self.seen = np.zeros((4, 0), np.int64)
        self.score = np.zeros(0)
        self.names = np.zeros(0, object)

    def keep(self, which: np.ndarray) -> None:
        """Forgets the tracks that are not in the (T,) mask."""
        if not which.all():
            self.motion = self.motion[:, which]
            for field in ("has_depth", "label", "doubt", "hits", "seen", "score", "names"):
                setattr(self, field, getattr(self, field)[which])

    def scale(self, x: float, y: float) -> None:
        """Takes all tracks over into an image that is `x` times as wide and `y` times as high."""
        value, rate, *covariance = self.motion
        value[:, :2] *= (x, y)
        value[:, 2:4] += np.log((x, y))
        rate[:, :2] *= (x, y)
        for spread in covariance:
            spread[:, :2] *= (x * x, y * y)

    def predict(self, seconds: float, agility: float) -> None:
        """Moves all tracks on in time (constant velocity, white acceleration)."""
        value, rate, var, cov, rate_var = self.motion
        q = (agility * AGILITY * _units(value)) ** 2 * seconds
        value += rate * seconds
        var += (2 * cov + rate_var * seconds) * seconds + q * (seconds**2 / 3)
        cov += rate_var * seconds + q * (seconds / 2)
        rate_var += q

    def follow_camera(self, found: Detections, seconds: float, last: int) -> None:
        """Moves all predictions as most of the tracks seen at clock `last` moved unforeseen, if most did.

        Each pair of a track and a detection of the same class and size votes for its motion.
        """
        voters = np.flatnonzero((self.seen == last) & (self.hits >= PROVEN))
        if seconds == 0 or min(len(voters), len(found.label)) < QUORUM:
            return
        size = _units(self.motion[0])[:, 0]
        voters = voters[np.argsort(-size[voters], kind="stable")[:VOTERS]]
        off = found.z[:, None, :4] - self.motion[0, voters, :4]
        alike = (np.abs(off[:, :, 2:]) < SAME_SIZE).all(-1) & (found.label[:, None] == self.label[voters])
        rows, columns = np.nonzero(alike)
        move = off[rows, columns, :2]
        nearest = np.argsort((move**2).sum(-1), kind="stable")[:VOTES]  # of equal counts the smaller motion wins
        move, size = move[nearest], size[voters[columns[nearest]]]
        agree = ((move[:, None] - move) ** 2).sum(-1) < (SAME_MOVE * size) ** 2
        counts = agree.sum(1)
        if not len(counts) or counts.max() < max(QUORUM, len(voters) / 2):
            return
        chosen = agree[counts.argmax()]
        weight = 1 / (NOISE[0] * size[chosen]) ** 2
        common = weight @ move[chosen] / weight.sum()
        # Wiener's filter: small motions may be noise of the boxes, which the tracks smooth better one by one.
        power = common @ common
        common *= power / (power + CAUTION * 2 / weight.sum())
        self.motion[0, :, :2] += common
        self.motion[1, :, :2] += common / seconds

    def costs(self, found: Detections, width: int, height: int) -> np.ndarray:
        """(N, T) minus the logarithm of how much better a track explains a detection than chance does."""
        value, _, var, _, _ = self.motion
        spread = var + (NOISE * _units(value)) ** 2
        anywhere = np.array([width, height, LOG_RANGE, LOG_RANGE, LOG_RANGE])
        # No track knows less than that its object is somewhere: so wide is a uniform distribution.
        spread = np.minimum(spread, anywhere**2 / 12)
        weight = 0.5 / spread
        constant = 0.5 * np.log(2 * np.pi * spread / anywhere**2)
        weight[:, DEPTH] *= self.has_depth
        constant[:, DEPTH] *= self.has_depth
        z, known = found.z.copy(), np.ones(found.z.shape)
        unknown = np.isnan(z[:, DEPTH])
        z[unknown, DEPTH] = known[unknown, DEPTH] = 0.0
        # The square written out, so that nothing of shape (N, T, 5) is made.
        cost = z**2 @ weight.T - 2 * z @ (weight * value).T + known @ (weight * value**2 + constant).T
        score = np.clip(found.score, *SCORES)
        cost -= np.log(score / (1 - score))[:, None]
        cost += SCORE_CHANGE * np.abs(found.score[:, None] - self.score)
        other = found.label[:, None] != self.label
        cost[other] += OTHER_CLASS
        doubtful = other & (cost < 0)
        if doubtful.any():
            cost[doubtful & (box_iou(_boxes(found.z), _boxes(value)) < OTHER_CLASS_IOU)] = np.inf
        return cost

    def correct(self, found: Detections, rows: np.ndarray, of: np.ndarray, clock: int) -> None:
        """Corrects the tracks `of` by the detections `rows`, pair by pair."""
        z, label = found.z[rows], found.label[rows]
        value, rate, var, cov, rate_var = self.motion[:, of]
        noise = (NOISE * _units(value)) ** 2
        error = z - value
        known = ~np.isnan(z[:, DEPTH])
        error[~known, DEPTH] = 0.0
        noise[~known, DEPTH] = np.inf
        gain, rate_gain = var / (var + noise), cov / (var + noise)
        self.motion[:, of] = (
            value + gain * error,
            rate + rate_gain * error,
            (1 - gain) * var,
            (1 - gain) * cov,
            rate_var - rate_gain * cov,
        )
        first = known & ~self.has_depth[of]
        if first.any():
            self.motion[:, of[first], DEPTH] = _begin(z[first])[:, :, DEPTH]
            self.has_depth[of[first]] = True
        self.hits[of] += 1
        self.score[of] += (found.score[rows] - self.score[of]) / np.minimum(self.hits[of], SCORE_WINDOW)
        self.seen[of] = clock
        # Majority vote in constant memory (Boyer and Moore 1991), so that a flicker does not change the class.
        doubt = np.where(label == self.label[of], np.maximum(self.doubt[of] - 1, 0), self.doubt[of] + 1)
        turned = doubt >= CLASS_PATIENCE
        self.label[of[turned]] = label[turned]
        self.doubt[of] = np.where(turned, 0, doubt)

    def add(self, found: Detections, rows: np.ndarray, names: list[str], clock: int) -> None:
        """Begins a track with each of the detections `rows`."""
        if not len(rows):
            return
        z, label, ones = found.z[rows], found.label[rows], np.ones(len(rows), np.int64)
        motion = _begin(z)
        proven = self.hits >= PROVEN
        if proven.sum() >= QUORUM:  # what enters the image of a turning camera moves as all the rest does
            motion[1, :, :2] = np.median(self.motion[1, proven, :2], axis=0)
        self.motion = np.concatenate([self.motion, motion], axis=1)
        self.has_depth = np.concatenate([self.has_depth, ~np.isnan(z[:, DEPTH])])
        self.label = np.concatenate([self.label, label])
        self.doubt = np.concatenate([self.doubt, 0 * ones])
        self.hits = np.concatenate([self.hits, ones])
        self.seen = np.concatenate([self.seen, clock * ones])
        self.score = np.concatenate([self.score, found.score[rows]])
        self.names = np.concatenate([self.names, np.array(names, object)])


def measure(objects: Sequence[SceneObject]) -> np.ndarray:
    """(N, 5) centre x, centre y, ln width, ln height, ln depth (NaN where unknown)."""
    z = np.full((len(objects), 5), np.nan)
    if objects:
        boxes = np.concatenate([o.box for o in objects]).reshape(-1, 4)
        z[:, :2] = (boxes[:, :2] + boxes[:, 2:]) / 2
        z[:, 2:4] = np.log(np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0))
        z[:, 4] = [math.log(o.pose.position[2]) if o.pose and o.pose.position[2] > 0 else math.nan for o in objects]
    return z


def _units(value: np.ndarray) -> np.ndarray:
    """(T, 5) what the noise is a share of: the object's size in pixels, and 1 for logarithms."""
    units = np.ones_like(value)
    units[:, :2] = np.exp((value[:, 2:3] + value[:, 3:4]) / 2)
    return units


def _begin(z: np.ndarray) -> np.ndarray:
    """(5, N, 5) motion of new tracks at (N, 5) measurements."""
    motion = np.zeros((5, *z.shape))
    units = _units(z)
    motion[0] = np.nan_to_num(z)
    motion[2] = (NOISE * units) ** 2
    motion[4] = (SPEED * units) ** 2
    return motion


def _boxes(value: np.ndarray) -> np.ndarray:
    """(N, 4) xyxy boxes of (N, 5) measurements."""
    half = np.exp(value[:, 2:4]) / 2
    return np.concatenate([value[:, :2] - half, value[:, :2] + half], axis=1)
