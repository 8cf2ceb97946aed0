"""Speed and memory of the network, compared with the baseline: python -m benchmarks.network."""

import copy
import functools
import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ampnet.checkpoints.reference.reference_files import reference_state_dict
from ampnet.dataset.loading.dataset import Batch
from ampnet.dataset.loading.sampling import ResumableBatchSampler
from ampnet.inference.optimize import optimize_for_inference
from ampnet.models.ampnet import AMPNet, Logits
from ampnet.runtime.launch import Process
from ampnet.runtime.memory import keep_freed_memory
from ampnet.settings import Precision, TrainConfig
from ampnet.settings.recipes import Recipe
from ampnet.training.defaults import resolve_defaults
from ampnet.training.loop import train_epoch
from ampnet.training.loss import Loss
from ampnet.training.optimizer import build_optimizer
from ampnet.training.state import TrainState
from benchmarks.baseline.network import BaselineNetwork
from benchmarks.baseline.preprocessing import quadrant_rectangles, salient_rectangles
from benchmarks.measure import Side, Tasks, gemm_peak, print_table, rate, sides_in_turn, speeds

ROUNDS = 9
TRAIN_BATCH, EVAL_BATCH, SMALL_BATCH = 16, 32, 64
FORMS = (("plain", ">= 1.3"), ("fast", ">= 1.6"), ("bfloat16", ">= 2.5 with AMX"))
"""Forms of our network in evaluation, and how many times as fast as the baseline each should be."""
MOST_STEPS = 10_000
"""Steps that a training task can make."""
TEMPLATE = ((0.32, 0.38), (0.68, 0.38), (0.5, 0.59), (0.36, 0.75), (0.64, 0.75))


def faces(count: int, size: int = 224, num_classes: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """Make noise images with upright landmarks that vary, and labels."""
    torch.manual_seed(0)
    landmarks = (torch.tensor(TEMPLATE) + 0.05 * torch.randn(count, 5, 2)) * size
    return torch.rand(count, 3, size, size), landmarks, torch.arange(count) % num_classes


def baseline_rectangles(landmarks: Tensor) -> tuple[list[list[int]], list[list[int]]]:
    """Return the regions as the reference program's loader computes them."""
    points = landmarks.numpy()
    return [quadrant_rectangles(one) for one in points], [salient_rectangles(one) for one in points]


def baseline_step(network: BaselineNetwork, batch: tuple[Tensor, Tensor, Tensor]) -> Callable[[], None]:
    """Train the baseline on one batch."""
    images, landmarks, labels = batch
    rectangles = baseline_rectangles(landmarks)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)

    def step() -> None:
        network.train()
        network.set_rectangles(*rectangles)
        local_logits, global_logits = network(images)
        loss = 0.5 * F.cross_entropy(local_logits, labels) + 0.5 * F.cross_entropy(global_logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def our_step(
    network: AMPNet,
    batch: tuple[Tensor, Tensor, Tensor],
    device: torch.device = torch.device("cpu"),  # noqa: B008 (a value)
    precision: Precision = "fp32",
) -> Callable[[], object]:
    """Train on one batch as `ampnet train` does: each call is a step of its loop, on a GPU several.

    Args:
        network: on the device.
        batch: images, landmarks and labels, anywhere.
        device: where to train.
        precision: see ``--precision``.
    """
    images, landmarks, labels = batch
    recipe = Recipe(batch_size=len(labels), lr=1e-4)
    config = resolve_defaults(TrainConfig(variant="ampnet", recipe=recipe, gpus=0, processes=1, precision=precision))
    scaler = torch.amp.GradScaler(device.type, enabled=False)
    state = TrainState(network, network, build_optimizer(network, recipe), scaler, ema=None)
    order = ResumableBatchSampler(np.zeros(MOST_STEPS * len(labels), dtype=np.int64), len(labels), seed=0)
    pixels = images.mul(255).round().to(device, torch.uint8).contiguous(memory_format=torch.channels_last)
    batches = itertools.repeat(Batch(pixels, landmarks.to(device), labels.to(device)))
    alone = Process(0, 1, device)
    return functools.partial(next, train_epoch(state, batches, order, Loss(recipe.branch_weight), config, alone))


def baseline_tasks() -> Tasks:
    """Build the baseline's tasks."""
    network = BaselineNetwork()
    return {
        "train": baseline_step(network, faces(TRAIN_BATCH)),
        **{f"plain {count}": baseline_evaluation(network, *faces(count)[:2]) for count in (EVAL_BATCH, 1)},
    }


def baseline_evaluation(network: BaselineNetwork, images: Tensor, landmarks: Tensor) -> Callable[[], Logits]:
    """Evaluate the baseline on one batch."""
    rectangles = baseline_rectangles(landmarks)

    @torch.inference_mode()
    def evaluate() -> Logits:
        network.eval()
        network.set_rectangles(*rectangles)
        return network(images)

    return evaluate


def our_tasks() -> Tasks:
    """Build our side's tasks."""
    network = AMPNet()
    return network_tasks(network, bfloat16=optimize_for_inference(network, torch.bfloat16))


def small_tasks() -> Tasks:
    """Build the small network's tasks."""
    return network_tasks(AMPNet(width=0.25, image_size=112), SMALL_BATCH, SMALL_BATCH)


def network_tasks(
    network: AMPNet, train_batch: int = TRAIN_BATCH, eval_batch: int = EVAL_BATCH, **more_forms: AMPNet
) -> Tasks:
    """Build the tasks of one of our networks: training, and evaluation in each of its forms."""
    keep_freed_memory()
    size = network.architecture.image_size
    forms = {"plain": copy.deepcopy(network).eval(), "fast": optimize_for_inference(network), **more_forms}
    return {
        "train": our_step(network, faces(train_batch, size)),
        **{
            f"{form} {count}": our_evaluation(forms[form], *faces(count, size)[:2])
            for form in forms
            for count in (eval_batch, 1)
        },
    }


def our_evaluation(network: AMPNet, images: Tensor, landmarks: Tensor) -> Callable[[], Logits]:
    """Evaluate one batch as `ampnet eval` does."""

    @torch.inference_mode()
    def evaluate() -> Logits:
        return network(images, landmarks)

    return evaluate


def compare_full_network() -> None:
    """Print speed of training and evaluation of the full network, also relative to the machine's peak."""
    baseline, ours = Side(baseline_tasks), Side(our_tasks)
    training, evaluation = count_operations()
    times = sides_in_turn({"baseline": (baseline, "train"), "ours": (ours, "train")}, ROUNDS)
    what = f"training step, batch {TRAIN_BATCH}"
    rows: list[list[object]] = [[what, *speeds(times, "baseline", "ours", TRAIN_BATCH), ">= 1.2"]]
    reached = [(what, training, rate(times, "ours", TRAIN_BATCH))]
    for count in (EVAL_BATCH, 1):
        runs = {"baseline": (baseline, f"plain {count}")} | {form: (ours, f"{form} {count}") for form, _ in FORMS}
        times = sides_in_turn(runs, ROUNDS if count > 1 else 3 * ROUNDS)
        for form, target in FORMS:
            what = f"evaluation, batch {count}, {form}"
            rows.append([what, *speeds(times, "baseline", form, count), target if count > 1 else ""])
            if form != "bfloat16":  # the peak is that of float32
                reached.append((what, evaluation, rate(times, form, count)))
    print_table(f"Full network, {torch.get_num_threads()} threads", HEAD, rows)
    print(f"largest difference of the logits: {largest_difference():.1g}")
    baseline.end()
    ours.end()
    peak = gemm_peak()
    shares = [[what, flops / 1e9, flops * speed / 1e9, f"{flops * speed / peak:.0%}"] for what, flops, speed in reached]
    head = ["", "GFLOP an image", "GFLOP/s", "share"]
    print_table(f"Share of the matrix product's peak ({peak / 1e9:.0f} GFLOP/s)", head, shares)


def count_operations() -> tuple[float, float]:
    """Count the floating-point operations of an image in training and in evaluation."""
    network, (images, landmarks, labels) = AMPNet(), faces(2)
    with FlopCounterMode(display=False) as training:
        Loss(branch_weight=0.5)(network(images, landmarks), labels).backward()
    with FlopCounterMode(display=False) as evaluation, torch.inference_mode():
        network(images, landmarks)
    return training.get_total_flops() / 2, evaluation.get_total_flops() / 2


def largest_difference() -> float:
    """Return the largest difference between the logits of all forms with the same weights."""
    torch.manual_seed(0)
    ours, baseline = AMPNet().eval(), BaselineNetwork()
    state = reference_state_dict(ours)
    baseline.load_state_dict({name: state[name] for name in baseline.state_dict()})
    images, landmarks, _ = faces(8)
    theirs = torch.stack(baseline_evaluation(baseline, images, landmarks)())
    forms = (ours, optimize_for_inference(ours))
    return max((torch.stack(our_evaluation(form, images, landmarks)()) - theirs).abs().max().item() for form in forms)


HEAD = ["", "baseline, images/s", "ours, images/s", "times as fast", "target"]


def show_small_network() -> None:
    """Print the small network's speed; the reference program has no small network."""
    side = Side(small_tasks)
    times = sides_in_turn({"train": (side, "train")}, ROUNDS)
    rows: list[list[object]] = [[f"training step, batch {SMALL_BATCH}", rate(times, "train", SMALL_BATCH), ""]]
    for count in (SMALL_BATCH, 1):
        times = sides_in_turn({form: (side, f"{form} {count}") for form in ("plain", "fast")}, 5 * ROUNDS)
        for form in times:
            speed = rate(times, form, count)
            rows.append([f"evaluation, batch {count}, {form}", speed, 1000 / speed])
    side.end()
    print_table("Small network (width 0.25, 112 px)", ["", "images/s", "ms an image"], rows)


def compare_memory() -> None:
    """Print the peak memory of processes that make three training steps."""
    peaks = []
    for build in (baseline_training, our_training):
        side = Side(build)
        for _ in range(3):
            side.run("train")
        peaks.append(side.end())
    print_table(
        f"Peak memory of training the full network, batch {TRAIN_BATCH}",
        ["baseline, MB", "ours, MB", "ours / baseline", "target"],
        [[*peaks, peaks[1] / peaks[0], "<= 1"]],
    )


def baseline_training() -> Tasks:
    """Build the baseline's training task only."""
    return {"train": baseline_step(BaselineNetwork(), faces(TRAIN_BATCH))}


def our_training() -> Tasks:
    """Build our training task only."""
    keep_freed_memory()
    return {"train": our_step(AMPNet(), faces(TRAIN_BATCH))}


if __name__ == "__main__":
    compare_full_network()
    show_small_network()
    compare_memory()
