"""The processes that share every step of a training (data-parallel training, one slice of the batch each).

The gradient is summed by hand after the backward pass rather than by torch's DistributedDataParallel: a step calls the
network's parts one by one, which that wrapper's hooks do not see, and its losses are sums over the whole batch, divided
by counts of the whole batch, which are known only together. So what N processes learn of a batch is what one learns of
it, up to rounding. No layer keeps batch statistics (`backbone`), so nothing else depends on the batch.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from sim2sg_core.errors import Sim2SGError, first_line

T = TypeVar("T")
PATIENCE = datetime.timedelta(minutes=30)  # of one for another: the first may save or read a large data set meanwhile
TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Ranks:
    """This process among those that train together.

    Attributes:
        rank: Its number.
        world: How many there are.
    """

    def __init__(self, rank: int = 0, world: int = 1) -> None:
        self.rank, self.world = rank, world

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Returns which of `count` things are this process's: a slice, as long as the others' or one longer."""
        return range(self.rank * count // self.world, (self.rank + 1) * count // self.world)

    def total(self, value: Tensor) -> Tensor:
        """Returns the sum of a value over all processes, without a gradient."""
        if self.world == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total

    def total_losses(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Returns what `train_step` says of a whole step; "gradient" is of all processes already."""
        if self.world == 1:
            return values
        parts = {name: value for name, value in values.items() if name != "gradient"}
        sums = self.total(torch.stack(list(parts.values())))
        return {**dict(zip(parts, sums, strict=True)), "gradient": values["gradient"]}

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Gives every process the sum of the gradients; a parameter that had none anywhere still has none."""
        if self.world == 1:
            return
        taught = [p for p in parameters if p.requires_grad]
        present = torch.tensor([p.grad is not None for p in taught], dtype=torch.float32, device=taught[0].device)
        parts = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in taught]
        flat = self.total(torch.cat([*parts, present]))
        sums = flat[: -len(taught)].split([p.numel() for p in taught])
        for parameter, gradient, anywhere in zip(taught, sums, flat[-len(taught) :].tolist(), strict=True):
            # Laid out in memory as the parameter is: the optimiser goes through both side by side.
            parameter.grad = torch.empty_like(parameter).copy_(gradient.view_as(parameter)) if anywhere else None

    def from_first(self, make: Callable[[], T]) -> T:
        """Returns what the first process makes; an error of it is raised by all."""
        if self.world == 1:
            return make()
        made: list[Any] = [None, None]
        if self.leads:
            try:
                made[0] = make()
            except (Sim2SGError, OSError) as error:
                made[1] = error
        dist.broadcast_object_list(made)
        if made[1] is not None:
            raise made[1]
        result: T = made[0]
        return result

    def first_rows(self, rows: Tensor, count: int) -> Tensor:
        """Returns the first `count` rows of the batch whose slices all processes give."""
        if self.world == 1:
            return rows[:count]
        parts: list[Any] = [None] * self.world
        dist.all_gather_object(parts, rows[:count].cpu())
        return torch.cat(parts)[:count].to(rows.device)

    def same(self, module: nn.Module) -> None:
        """Gives every process the first one's parameters and buffers."""
        if self.world > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                dist.broadcast(tensor.data, 0)

    def check(self, labelled: int, unlabelled: int) -> None:
        """Raises Sim2SGError when a slice of the step's images would be empty."""
        fewest = min(count for count in (labelled, unlabelled) if count)
        if fewest < self.world:
            kind = "labelled" if fewest == labelled else "real"
            raise Sim2SGError(
                f"{self.world} ranks share {fewest} {kind} images per step: give fewer, or a larger --batch"
            )


ALONE = Ranks()


@contextlib.contextmanager
def joined(device: str, **where: Any) -> Iterator[Ranks]:
    """Meets the other processes, by nccl where they train on GPUs and by gloo on CPUs.

    Args:
        device: Of this process.
        where: `init_method`, `rank` and `world_size`; left out, the variables of torchrun say it.

    Raises:
        Sim2SGError: They do not find each other.
    """
    backend = "nccl" if torch.device(device).type == "cuda" else "gloo"
    try:
        dist.init_process_group(backend, timeout=PATIENCE, **where)
    except (RuntimeError, ValueError) as error:
        raise Sim2SGError(
            f"the training processes do not find each other ({first_line(error)}): open the ports between the nodes,"
            " and set GLOO_SOCKET_IFNAME or NCCL_SOCKET_IFNAME where a node has several networks"
        ) from None
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def of_torchrun(device: str) -> Iterator[tuple[Ranks, str]]:
    """Meets the processes that `torchrun` started this one with; alone where it was started without.

    Yields:
        The processes, and the device of this one: each has the GPU of its number on the machine.

    Raises:
        Sim2SGError: As `joined`; or the machine has fewer GPUs than processes.
    """
    if any(name not in os.environ for name in TORCHRUN):
        yield ALONE, device
        return
    if device == "cuda":
        local, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if local >= there:
            raise Sim2SGError(
                f"--nproc-per-node is over {local}: this machine has {there} GPUs; give no more than that"
            )
        torch.cuda.set_device(local)
        device = f"cuda:{local}"
    with joined(device) as ranks:
        yield ranks, device
