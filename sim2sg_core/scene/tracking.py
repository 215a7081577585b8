"""Objects keep their ids from image to image, through short occlusions.

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

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene.graph import SceneGraph, SceneObject

# Of centre x, centre y, ln width, ln height, ln depth; centres in sizes of the object, size = sqrt(width * height).
_NOISE = np.array([0.06, 0.06, 0.10, 0.10, 0.10])  # standard deviation of a detection
_SPEED = np.array([1.5, 1.5, 0.5, 0.5, 0.5])  # of a new object's rate of change, per second
_AGILITY = np.array([1.0, 1.0, 0.3, 0.3, 0.3])  # of the change of that rate in a second, for agility 1
_LOG_RANGE = 3.0  # an object from anywhere: its size and depth lie within a factor of e^3
_OTHER_CLASS = 4.0  # cost of a change of class: about one in fifty
_OTHER_CLASS_IOU = 0.5  # and the least overlap that it takes
_CLASS_PATIENCE = 3  # so many detections more of another class than of its own, and a track is of that class
_SCORES = (0.02, 0.98)  # where log-odds are cut off
_SCORE_WINDOW = 10  # detections over which a track's score is averaged
_SCORE_CHANGE = 4.0  # cost of a score that differs from it by 1
_NOMINAL_STEP = 100_000_000  # ns between images whose stamps stand still
_LONGEST_PAUSE = 5_000_000_000  # ns between images after which nothing is where it was
_PROVEN = 3  # detections that a track needs to tell how the camera moves
_VOTERS = 16  # so many of them, the largest, are asked
_QUORUM = 3  # fewer may all move by chance
_VOTES = 96  # pairs of a track and a detection, the nearest, that are votes
_SAME_SIZE = 0.4  # largest difference of ln width and ln height in such a pair
_SAME_MOVE = 0.2  # votes are for the same motion within this, in object sizes
_CAUTION = 4.0  # so many times a motion's variance is taken for its noise, for few voters move together by chance
_DEPTH = 4  # the column that not every object has


class Tracker:
    """Gives the objects of one camera's graphs ids that stay the same from image to image.

    Not thread-safe; one tracker per camera.
    """

    def __init__(self, memory_s: float = 1.0, agility: float = 2.0) -> None:
        """Starts without tracks.

        Args:
            memory_s: How long an object may be unseen and still be known again, seconds by the graphs' stamps. An
                object of the last image is remembered in any case, if that was no more than 5 s ago.
            agility: How suddenly objects move in the image, each by itself: the standard deviation of the change of
                velocity in a second, in object sizes per second. Lower for still scenes and slow cameras.

        Raises:
            Sim2SGError: A setting is out of range.
        """
        if not (math.isfinite(memory_s) and memory_s >= 0):
            raise Sim2SGError(f"memory_s is {memory_s}; give seconds, 0 or more")
        if not (math.isfinite(agility) and agility > 0):
            raise Sim2SGError(f"agility is {agility}; give object sizes per second, more than 0")
        self._memory = round(memory_s * 1e9)
        self._agility = agility
        self._born = 0  # ids given; never set back
        self._labels: dict[str, int] = {}  # class codes
        self._stamp: int | None = None
        self._clock = 0  # ns that passed by the stamps
        self._tracks = _Tracks()

    def reset(self) -> None:
        """Forgets all tracks. Ids that were given are still not given again."""
        self._stamp = None
        self._tracks = _Tracks()

    def update(self, graph: SceneGraph) -> SceneGraph:
        """Finds the objects of the next image again.

        A stamp earlier than the last one starts anew (a bag that loops, a restarted clock). A stamp equal to the last
        one, as 0 for unknown is, tells no time: a tenth of a second is taken to have passed.

        Args:
            graph: The next image's graph, any number of objects.

        Returns:
            The graph with `id` set for every object, such as "car_3": unique in the graph, named after the class that
            it was first seen as. Everything else is the same.
        """
        step = self._advance(graph.stamp)
        tracks, found = self._tracks, self._read(graph.objects)
        recent = (tracks.seen == self._clock - step) & (step <= _LONGEST_PAUSE)
        tracks.keep(recent | (self._clock - tracks.seen <= self._memory))
        tracks.predict(step * 1e-9, self._agility)
        tracks.follow_camera(found, step * 1e-9, self._clock - step)
        match = assign(tracks.costs(found, graph.width, graph.height))
        old, new = np.flatnonzero(match >= 0), np.flatnonzero(match < 0)
        tracks.correct(found, old, match[old], self._clock)
        match[new] = len(tracks.names) + np.arange(len(new))
        tracks.add(found, new, [f"{graph.objects[i].label}_{self._born + k}" for k, i in enumerate(new)], self._clock)
        self._born += len(new)
        objects = tuple(
            SceneObject(o.label, o.score, o.box, o.pose, o.visibility, name)
            for o, name in zip(graph.objects, tracks.names[match])
        )
        return dataclasses.replace(graph, objects=objects)

    def _advance(self, stamp: int) -> int:
        """Sets the clock to this image; returns the ns since the last one, 0 for the first."""
        last, self._stamp = self._stamp, stamp
        if last is None or stamp < last:
            self._tracks = _Tracks()
            return 0
        step = stamp - last or _NOMINAL_STEP
        self._clock += step
        return step

    def _read(self, objects: Sequence[SceneObject]) -> _Found:
        labels = self._labels
        return _Found(
            z=_measure(objects),
            label=np.array([labels.setdefault(o.label, len(labels)) for o in objects], np.int64),
            score=np.array([o.score for o in objects], float),
        )


@dataclass
class _Found:
    """N detections: `z` (N, 5) measurements, depth NaN where unknown; `label` (N,) codes; `score` (N,)."""

    z: np.ndarray
    label: np.ndarray
    score: np.ndarray


class _Tracks:
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

    def predict(self, seconds: float, agility: float) -> None:
        """Moves all tracks on in time (constant velocity, white acceleration)."""
        value, rate, var, cov, rate_var = self.motion
        q = (agility * _AGILITY * _units(value)) ** 2 * seconds
        value += rate * seconds
        var += (2 * cov + rate_var * seconds) * seconds + q * (seconds**2 / 3)
        cov += rate_var * seconds + q * (seconds / 2)
        rate_var += q

    def follow_camera(self, found: _Found, seconds: float, last: int) -> None:
        """Moves all predictions as most of the tracks seen at clock `last` moved unforeseen, if most did.

        Each pair of a track and a detection of the same class and size votes for its motion.
        """
        voters = np.flatnonzero((self.seen == last) & (self.hits >= _PROVEN))
        if seconds == 0 or min(len(voters), len(found.label)) < _QUORUM:
            return
        size = _units(self.motion[0])[:, 0]
        voters = voters[np.argsort(-size[voters], kind="stable")[:_VOTERS]]
        off = found.z[:, None, :4] - self.motion[0, voters, :4]
        alike = (np.abs(off[:, :, 2:]) < _SAME_SIZE).all(-1) & (found.label[:, None] == self.label[voters])
        rows, columns = np.nonzero(alike)
        move = off[rows, columns, :2]
        nearest = np.argsort((move**2).sum(-1), kind="stable")[:_VOTES]  # of equal counts the smaller motion wins
        move, size = move[nearest], size[voters[columns[nearest]]]
        agree = ((move[:, None] - move) ** 2).sum(-1) < (_SAME_MOVE * size) ** 2
        counts = agree.sum(1)
        if not len(counts) or counts.max() < max(_QUORUM, len(voters) / 2):
            return
        chosen = agree[counts.argmax()]
        weight = 1 / (_NOISE[0] * size[chosen]) ** 2
        common = weight @ move[chosen] / weight.sum()
        # Wiener's filter: small motions may be noise of the boxes, which the tracks smooth better one by one.
        power = common @ common
        common *= power / (power + _CAUTION * 2 / weight.sum())
        self.motion[0, :, :2] += common
        self.motion[1, :, :2] += common / seconds

    def costs(self, found: _Found, width: int, height: int) -> np.ndarray:
        """(N, T) minus the logarithm of how much better a track explains a detection than chance does."""
        value, _, var, _, _ = self.motion
        spread = var + (_NOISE * _units(value)) ** 2
        anywhere = np.array([width, height, _LOG_RANGE, _LOG_RANGE, _LOG_RANGE])
        # No track knows less than that its object is somewhere: so wide is a uniform distribution.
        spread = np.minimum(spread, anywhere**2 / 12)
        weight = 0.5 / spread
        constant = 0.5 * np.log(2 * np.pi * spread / anywhere**2)
        weight[:, _DEPTH] *= self.has_depth
        constant[:, _DEPTH] *= self.has_depth
        z, known = found.z.copy(), np.ones(found.z.shape)
        unknown = np.isnan(z[:, _DEPTH])
        z[unknown, _DEPTH] = known[unknown, _DEPTH] = 0.0
        # The square written out, so that nothing of shape (N, T, 5) is made.
        cost = z**2 @ weight.T - 2 * z @ (weight * value).T + known @ (weight * value**2 + constant).T
        score = np.clip(found.score, *_SCORES)
        cost -= np.log(score / (1 - score))[:, None]
        cost += _SCORE_CHANGE * np.abs(found.score[:, None] - self.score)
        other = found.label[:, None] != self.label
        cost[other] += _OTHER_CLASS
        rows, columns = np.nonzero(other & (cost < 0))
        if len(rows):
            apart = _overlap(found.z[rows], value[columns]) < _OTHER_CLASS_IOU
            cost[rows[apart], columns[apart]] = np.inf
        return cost

    def correct(self, found: _Found, rows: np.ndarray, of: np.ndarray, clock: int) -> None:
        """Corrects the tracks `of` by the detections `rows`, pair by pair."""
        z, label = found.z[rows], found.label[rows]
        value, rate, var, cov, rate_var = self.motion[:, of]
        noise = (_NOISE * _units(value)) ** 2
        error = z - value
        known = ~np.isnan(z[:, _DEPTH])
        error[~known, _DEPTH] = 0.0
        noise[~known, _DEPTH] = np.inf
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
            self.motion[:, of[first], _DEPTH] = _begin(z[first])[:, :, _DEPTH]
            self.has_depth[of[first]] = True
        self.hits[of] += 1
        self.score[of] += (found.score[rows] - self.score[of]) / np.minimum(self.hits[of], _SCORE_WINDOW)
        self.seen[of] = clock
        # Majority vote in constant memory (Boyer and Moore 1991), so that a flicker does not change the class.
        doubt = np.where(label == self.label[of], np.maximum(self.doubt[of] - 1, 0), self.doubt[of] + 1)
        turned = doubt >= _CLASS_PATIENCE
        self.label[of[turned]] = label[turned]
        self.doubt[of] = np.where(turned, 0, doubt)

    def add(self, found: _Found, rows: np.ndarray, names: list[str], clock: int) -> None:
        """Begins a track with each of the detections `rows`."""
        if not len(rows):
            return
        z, label, ones = found.z[rows], found.label[rows], np.ones(len(rows), np.int64)
        motion = _begin(z)
        proven = self.hits >= _PROVEN
        if proven.sum() >= _QUORUM:  # what enters the image of a turning camera moves as all the rest does
            motion[1, :, :2] = np.median(self.motion[1, proven, :2], axis=0)
        self.motion = np.concatenate([self.motion, motion], axis=1)
        self.has_depth = np.concatenate([self.has_depth, ~np.isnan(z[:, _DEPTH])])
        self.label = np.concatenate([self.label, label])
        self.doubt = np.concatenate([self.doubt, 0 * ones])
        self.hits = np.concatenate([self.hits, ones])
        self.seen = np.concatenate([self.seen, clock * ones])
        self.score = np.concatenate([self.score, found.score[rows]])
        self.names = np.concatenate([self.names, np.array(names, object)])


def _measure(objects: Sequence[SceneObject]) -> np.ndarray:
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
    motion[2] = (_NOISE * units) ** 2
    motion[4] = (_SPEED * units) ** 2
    return motion


def _overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(K,) intersection over union, pair by pair, of boxes given as (K, 5) measurements."""
    size_a, size_b = np.exp(a[:, 2:4]), np.exp(b[:, 2:4])
    low = np.maximum(a[:, :2] - size_a / 2, b[:, :2] - size_b / 2)
    high = np.minimum(a[:, :2] + size_a / 2, b[:, :2] + size_b / 2)
    shared = np.clip(high - low, 0, None).prod(-1)
    return shared / (size_a.prod(-1) + size_b.prod(-1) - shared)


def assign(cost: np.ndarray) -> np.ndarray:
    """Gives every row at most one column and every column at most one row, so that the sum of costs is least.

    Every column goes at once to the first row that it is the cheapest for, which leaves few rows; these are added by
    shortest augmenting paths (Jonker and Volgenant 1987, in the rectangular form of Crouse 2016).

    Args:
        cost: (N, T); only costs below zero are ever taken.

    Returns:
        (N,) column of each row, -1 for none.
    """
    n, t = cost.shape
    if not n or not t:
        return np.full(n, -1)
    full = np.full((n, t + n), np.inf)
    full[:, :t] = np.where(cost < 0, cost, np.inf)  # NaN is never below zero
    full[np.arange(n), t + np.arange(n)] = 0.0  # each row may stay alone
    best = full.argmin(1)
    row_price, column_price = full[np.arange(n), best], np.zeros(t + n)
    owner, choice = np.full(t + n, -1), np.full(n, -1)
    columns, first = np.unique(best, return_index=True)
    owner[columns], choice[first] = first, columns
    for row in np.flatnonzero(choice < 0):
        _augment(int(row), full, row_price, column_price, owner, choice)
    return np.where(choice < t, choice, -1)


def _augment(
    row: int,
    cost: np.ndarray,
    row_price: np.ndarray,
    column_price: np.ndarray,
    owner: np.ndarray,
    choice: np.ndarray,
) -> None:
    """Gives `row` a column along the shortest path of exchanges (Dijkstra on reduced costs), in place."""
    distance = np.full(len(owner), np.inf)
    reached_from = np.full(len(owner), -1)
    done = np.zeros(len(owner), bool)
    i, length = row, 0.0
    while True:
        through = length + cost[i] - row_price[i] - column_price
        shorter = (through < distance) & ~done
        distance[shorter], reached_from[shorter] = through[shorter], i
        j = int(np.where(done, np.inf, distance).argmin())
        length = distance[j]
        if owner[j] < 0:
            break
        done[j] = True
        i = int(owner[j])
    scanned = np.flatnonzero(done)
    row_price[row] += length
    row_price[owner[scanned]] += length - distance[scanned]
    column_price[scanned] -= length - distance[scanned]
    while True:
        i = int(reached_from[j])
        owner[j] = i
        choice[i], j = j, int(choice[i])
        if i == row:
            return
