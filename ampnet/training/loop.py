"""One training epoch and one evaluation, as functions of their arguments."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ampnet.dataset.loading.dataset import Batch
from ampnet.dataset.loading.loader import on_device
from ampnet.dataset.loading.sampling import ResumableBatchSampler
from ampnet.errors import DataError, TrainingError
from ampnet.evaluation.intervals import Counts
from ampnet.inference.calibration import fit_temperature
from ampnet.inference.classifier import Classifier
from ampnet.models.ampnet import Logits, fuse_logits
from ampnet.runtime.collectives import gather_objects, sum_over_processes
from ampnet.runtime.devices import seed_step
from ampnet.runtime.launch import Process
from ampnet.runtime.progress import Advance
from ampnet.settings import Freeze, Precision
from ampnet.training.defaults import RunConfig
from ampnet.training.loss import Loss, disagreement, mix_up, with_slight_changes
from ampnet.training.optimizer import learning_rate_factor, set_learning_rate
from ampnet.training.state import StepReport, TrainState

GPU_CHECK_STEPS = 16
"""Steps between reports of the losses on a GPU, since each report waits for the GPU; CPUs report every step."""

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, eq=False)
class SplitMetrics:
    """Loss, confusion matrix and temperature of a network on a split."""

    loss: float
    confusion: Counts
    """``(K, K)``, rows are true classes."""
    temperature: float
    """What calibrates the network's probabilities on this split."""


def train_epoch(
    state: TrainState,
    batches: Iterable[Batch],
    order: ResumableBatchSampler,
    loss_fn: Loss,
    config: RunConfig,
    process: Process,
    stop_or_save: Callable[[], tuple[bool, bool]] = lambda: (False, False),
) -> Iterator[StepReport]:
    """Train from ``order.first_step`` to the end of ``order.epoch``; yields wherever the run can be saved or stopped.

    Args:
        state: changed in place.
        batches: batches of this process, ``order.parts`` for each step.
        order: sampler behind the batches, which numbers the steps.
        stop_or_save: called before each report; returns whether this process requests a stop, and a save.

    Raises:
        TrainingError: a loss is not finite.
    """
    recipe, optimizer, scaler = config.recipe, state.optimizer, state.scaler
    report_every = GPU_CHECK_STEPS if process.device.type == "cuda" else 1
    source, unreported = on_device(iter(batches), process.device), list[Tensor]()
    set_train_mode(state.model, config.freeze)
    for step in range(order.first_step, order.steps):
        overall = order.epoch * order.steps + step
        seed_step(config.seed, overall, process.rank)
        set_learning_rate(optimizer, learning_rate_factor(recipe, overall, order.steps))

        sums = torch.zeros(3, dtype=torch.float64, device=process.device)  # loss, hits, images
        for part in range(order.parts):
            batch = next(source)
            with _gradients_kept_here(state.network, until_last=part < order.parts - 1):
                loss, hits = _forward(state.network, batch, loss_fn, config)
                # DDP averages over processes; this makes it the mean over all faces of the step.
                weight = len(batch.labels) * process.world_size / order.step_size(step)
                scaler.scale(loss * weight).backward()  # type: ignore[no-untyped-call]
            sums += torch.stack([loss.detach() * len(batch.labels), hits, torch.full_like(hits, len(batch.labels))])

        if recipe.clip:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(state.model.parameters(), recipe.clip, foreach=True)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        if state.ema:
            state.ema.update(state.model, overall)

        unreported.append(sums)
        if len(unreported) == report_every or step + 1 == order.steps:
            yield _sync_step_losses(unreported, step + 1, order.epoch, stop_or_save(), process)
            unreported.clear()


def _forward(network: nn.Module, batch: Batch, loss_fn: Loss, config: RunConfig) -> tuple[Tensor, Tensor]:
    if config.recipe.mixup:
        batch = mix_up(batch, loss_fn.num_classes, config.recipe.mixup)
    if config.recipe.consistency:
        batch = with_slight_changes(batch)
    targets = batch.labels if batch.targets is None else batch.targets
    with _autocast(config.precision, batch.images.device):
        logits: Logits = network(batch.images, batch.landmarks)
    loss = loss_fn(logits, targets)
    hits = (fuse_logits(*logits, loss_fn.branch_weight).detach().argmax(dim=1) == batch.labels).double()
    if config.recipe.consistency:
        loss = loss + config.recipe.consistency * disagreement(logits, loss_fn.branch_weight)
        hits = hits[: len(hits) // 2]
    return loss, hits.sum()


def _sync_step_losses(
    unreported: list[Tensor], step: int, epoch: int, stop_or_save: tuple[bool, bool], process: Process
) -> StepReport:
    """Sum losses and requests over all processes, in one message."""
    own = torch.tensor([*stop_or_save, 0], dtype=torch.float64, device=process.device)
    *rows, (stop, save, _) = sum_over_processes(torch.stack([*unreported, own]), process).tolist()
    for number, (loss, _, _) in enumerate(rows, start=step - len(rows) + 1):
        if not math.isfinite(loss):
            raise TrainingError(f"the loss is {loss} at step {number} of epoch {epoch + 1}; try a lower --lr")
    loss, hits, images = (sum(column) for column in zip(*rows, strict=True))
    return StepReport(step, loss, hits, images, stop=stop > 0, save=save > 0)


@torch.inference_mode()
def evaluate(
    model: nn.Module, batches: Iterable[Batch], loss_fn: Loss, precision: Precision, process: Process, advance: Advance
) -> SplitMetrics:
    """Evaluate a network; each process evaluates its shard, and all return the overall result.

    Args:
        model: the network; set to eval mode.
        batches: this process's shard; together the shards hold every face once.
        loss_fn: provides branch weight and number of classes; the loss is computed without smoothing and class weights.
        advance: called with the number of faces that this process has finished.

    Raises:
        DataError: no image can be read.
        TrainingError: the loss is not finite.
    """
    classifier = Classifier(model.eval(), process.device, loss_fn.branch_weight)
    num_classes, plain = loss_fn.num_classes, Loss(loss_fn.branch_weight)
    loss = torch.zeros(1, dtype=torch.float64, device=process.device)
    confusion = torch.zeros(num_classes**2, dtype=torch.int64, device=process.device)
    fused, labels = [torch.zeros(0, num_classes)], [torch.zeros(0, dtype=torch.int64)]
    for batch in on_device(iter(batches), process.device):
        if not len(batch.labels):  # none of its images can be read
            continue
        with _autocast(precision, process.device):
            logits = classifier.head_logits(batch)
        decided = classifier.decide(*logits)
        answers = decided.argmax(dim=1)
        fused.append(decided.cpu())
        labels.append(batch.labels.cpu())
        loss += plain(logits, batch.labels) * len(batch.labels)
        confusion += torch.bincount(batch.labels * num_classes + answers, minlength=num_classes**2)
        advance(len(batch.labels))
    sum_over_processes(loss, process)
    matrix = sum_over_processes(confusion, process).reshape(num_classes, num_classes).cpu().numpy()
    shards = gather_objects((torch.cat(fused).numpy(), torch.cat(labels).numpy()), process)
    all_fused, all_labels = (torch.from_numpy(np.concatenate(part)) for part in zip(*shards, strict=True))
    if not len(all_labels):
        raise DataError("none of the images that choose the best epoch can be read; run prepare again")
    if not math.isfinite(mean := loss.item() / len(all_labels)):
        raise TrainingError(f"the loss on the faces that choose the best epoch is {mean}; try a lower --lr")
    return SplitMetrics(mean, matrix, fit_temperature(all_fused, all_labels))


def set_train_mode(model: nn.Module, freeze: Freeze) -> None:
    """Set a network to training mode, except frozen parts, whose statistics must not change."""
    model.train()
    if freeze == "stem":
        model.get_submodule("stem").eval()
    if freeze == "norms":
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def _gradients_kept_here(network: nn.Module, until_last: bool) -> AbstractContextManager[None]:
    """Delay the exchange of gradients between processes until the last part of a step."""
    if until_last and isinstance(network, DistributedDataParallel):
        held: AbstractContextManager[None] = network.no_sync()
        return held
    return nullcontext()


def _autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, DTYPES[precision])
