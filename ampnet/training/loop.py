"""One epoch of training and one evaluation, as functions of their arguments."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ampnet.config import Freeze, Precision
from ampnet.data.loading.dataset import Batch
from ampnet.data.loading.sampling import ResumableBatchSampler
from ampnet.errors import TrainingError
from ampnet.evaluation.metrics import Counts
from ampnet.models.ampnet import Logits, fuse_logits
from ampnet.recipes import Recipe
from ampnet.runtime.collectives import sum_over_processes
from ampnet.runtime.devices import seed_step
from ampnet.runtime.launch import Process
from ampnet.runtime.progress import Advance
from ampnet.training.ema import ExponentialMovingAverage
from ampnet.training.loss import Loss, mix_up
from ampnet.training.optimizer import learning_rate_factor, set_learning_rate

GPU_CHECK_STEPS = 16
"""Steps between two looks at the losses on a GPU, since each look waits for it; the CPU is asked each step."""

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, eq=False)
class TrainState:
    """A network in training and what changes with it."""

    model: nn.Module
    """The network itself, whose weights are saved."""
    network: nn.Module
    """What the loop calls: the model, perhaps compiled or wrapped for several processes."""
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    """Does nothing but for fp16."""
    average: ExponentialMovingAverage | None

    @property
    def kept(self) -> nn.Module:
        """The network that is evaluated and kept: the average where there is one."""
        return self.average.model if self.average else self.model


@dataclass(frozen=True, eq=False)
class LoopSettings:
    """What the loop needs beside the network and the faces."""

    recipe: Recipe
    loss_fn: Loss
    num_classes: int
    precision: Precision = "fp32"
    freeze: Freeze = "none"
    seed: int = 1


@dataclass
class Totals:
    """Sums over the faces that an epoch has trained on, over all processes."""

    loss: float = 0.0
    hits: float = 0.0
    images: float = 0.0

    def note(self) -> str:
        """Say loss and accuracy so far, for a progress bar."""
        count = max(self.images, 1)
        return f"loss {self.loss / count:.3f}, accuracy {self.hits / count:.1%}"


@dataclass(frozen=True)
class StopOrSave:
    """What some process asks for between two steps."""

    stop: bool = False
    save: bool = False


@dataclass(frozen=True)
class StepReport:
    """Where an epoch is, the same in all processes."""

    step: int
    """Finished steps of the epoch."""
    images: int
    """Faces since the last report."""
    stop_or_save: StopOrSave
    """Of any process."""


@dataclass(frozen=True, eq=False)
class SplitMetrics:
    """How a network does on a split."""

    loss: float
    confusion: Counts
    """``(K, K)``, rows are true classes."""


def train_epoch(
    train_state: TrainState,
    batches: Iterable[Batch],
    order: ResumableBatchSampler,
    settings: LoopSettings,
    process: Process,
    totals: Totals,
    stop_or_save: Callable[[], StopOrSave] = StopOrSave,
) -> Iterator[StepReport]:
    """Train from ``order.first_step`` to the end of ``order.epoch``; yields where it can be saved or stopped.

    Args:
        train_state: changed in place.
        batches: this process's, ``order.parts`` for each step.
        order: tells which step is which.
        settings: recipe, loss_fn, precision.
        process: this one.
        totals: added to; they hold the epoch's earlier steps when it is resumed.
        stop_or_save: asked for this process's wishes before each report.

    Raises:
        TrainingError: a loss is not finite.
    """
    recipe, optimizer, scaler = settings.recipe, train_state.optimizer, train_state.scaler
    check_every = GPU_CHECK_STEPS if process.device.type == "cuda" else 1
    window: list[Tensor] = []
    source = iter(batches)
    set_train_mode(train_state.model, settings.freeze)
    for step in range(order.first_step, order.steps):
        overall = order.epoch * order.steps + step
        seed_step(settings.seed, overall, process.rank)
        set_learning_rate(optimizer, learning_rate_factor(recipe, overall, order.steps))

        sums = torch.zeros(3, dtype=torch.float64, device=process.device)  # loss, hits, images
        for part in range(order.parts):
            batch = next(source).to(process.device)
            with _gradients_kept_here(train_state.network, until_last=part < order.parts - 1):
                loss, hits = _forward(train_state.network, batch, settings)
                # DDP averages over processes; this makes it the mean over all faces of the step.
                share = len(batch.labels) * process.world_size / order.step_size(step)
                scaler.scale(loss * share).backward()  # type: ignore[no-untyped-call]
            sums += torch.stack([loss.detach() * len(batch.labels), hits, torch.full_like(hits, len(batch.labels))])

        if recipe.clip:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(train_state.model.parameters(), recipe.clip, foreach=True)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        if train_state.average:
            train_state.average.update(train_state.model, overall)

        window.append(sums)
        if len(window) == check_every or step + 1 == order.steps:
            yield _sync_step_losses(window, step + 1, order.epoch, totals, stop_or_save(), process)
            window = []


def _forward(network: nn.Module, batch: Batch, settings: LoopSettings) -> tuple[Tensor, Tensor]:
    """Give the mean loss and the number of hits of a batch."""
    if settings.recipe.mixup:
        batch = mix_up(batch, settings.num_classes, settings.recipe.mixup)
    targets = batch.labels if batch.targets is None else batch.targets
    with _autocast(settings.precision, batch.images.device):
        logits: Logits = network(batch.images, batch.landmarks)
    loss = settings.loss_fn(logits, targets)
    fused = fuse_logits(*logits, settings.loss_fn.branch_weight)
    return loss, (fused.detach().argmax(dim=1) == batch.labels).sum().double()


def _sync_step_losses(
    window: list[Tensor], step: int, epoch: int, totals: Totals, stop_or_save: StopOrSave, process: Process
) -> StepReport:
    """Share losses and requests among all processes, in one message."""
    own = torch.tensor([stop_or_save.stop, stop_or_save.save, 0], dtype=torch.float64, device=process.device)
    *rows, asked = sum_over_processes(torch.stack([*window, own]), process).tolist()
    for number, (loss, _, _) in enumerate(rows, start=step - len(rows) + 1):
        if not math.isfinite(loss):
            raise TrainingError(f"the loss is {loss} at step {number} of epoch {epoch + 1}; try a lower --lr")
    loss, hits, images = (sum(column) for column in zip(*rows, strict=True))
    totals.loss += loss
    totals.hits += hits
    totals.images += images
    return StepReport(step, int(images), StopOrSave(stop=asked[0] > 0, save=asked[1] > 0))


@torch.inference_mode()
def evaluate(
    model: nn.Module, batches: Iterable[Batch], settings: LoopSettings, process: Process, advance: Advance
) -> SplitMetrics:
    """Measure a network; each process brings its own share of the faces, the result is all processes'.

    Args:
        model: put into eval mode.
        batches: this process's share; together they hold every face once.
        settings: precision, and the branch weight of its loss_fn.
        process: this one.
        advance: told the number of this process's finished faces.
    """
    model.eval()
    num_classes, plain = settings.num_classes, Loss(settings.loss_fn.branch_weight)
    loss = torch.zeros(1, dtype=torch.float64, device=process.device)
    confusion = torch.zeros(num_classes**2, dtype=torch.int64, device=process.device)
    for raw in batches:
        batch = raw.to(process.device)
        with _autocast(settings.precision, process.device):
            logits: Logits = model(batch.images, batch.landmarks)
        fused = fuse_logits(logits[0].float(), logits[1].float(), plain.branch_weight)
        loss += plain(logits, batch.labels) * len(batch.labels)
        confusion += torch.bincount(batch.labels * num_classes + fused.argmax(dim=1), minlength=num_classes**2)
        advance(len(batch.labels))
    sum_over_processes(loss, process)
    matrix = sum_over_processes(confusion, process).reshape(num_classes, num_classes).cpu().numpy()
    return SplitMetrics(loss.item() / max(int(matrix.sum()), 1), matrix)


def set_train_mode(model: nn.Module, freeze: Freeze) -> None:
    """Put a network into training mode, but leave what is frozen in eval mode, so that its statistics stay."""
    model.train()
    if freeze == "stem":
        model.get_submodule("stem").eval()
    if freeze == "norms":
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def _gradients_kept_here(network: nn.Module, until_last: bool) -> AbstractContextManager[None]:
    """Hold gradients back from the other processes until the step's last part."""
    if until_last and isinstance(network, DistributedDataParallel):
        held: AbstractContextManager[None] = network.no_sync()
        return held
    return nullcontext()


def _autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, DTYPES[precision])
