"""A run of a very small network and its saves, for tests of what is written and what is read back."""

import torch

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet
from ampnet.settings import TrainConfig
from ampnet.training.defaults import resolve_defaults
from ampnet.training.optimizer import ExponentialMovingAverage, build_optimizer
from ampnet.training.state import Progress, TrainState, run_identity, save_state

STEPS = 5
"""Steps of an epoch."""


def settings(**changes):
    return resolve_defaults(TrainConfig(gpus=0, **changes))


MODERN = settings(recipe="modern")
IDENTITY = run_identity(MODERN, "abc")


def train_state(seed=0, recipe=MODERN.recipe, scaler=None, width=0.05, begun=True):
    """Build a state after one step with gradients of one."""
    torch.manual_seed(seed)
    model = AMPNet(num_classes=2, width=width, image_size=48, modules=("gp",))
    optimizer = build_optimizer(model, recipe)
    if begun:
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
    ema = ExponentialMovingAverage(model, 0.9)
    ema.update(model, 5)
    return TrainState(model, model, optimizer, scaler or torch.amp.GradScaler("cpu", enabled=False), ema)


def save(folder, state, epoch=1, step=3):
    checkpoint = Checkpoint(state.evaluated_model, ("a", "b"), Framing(), epoch=epoch)
    progress = Progress(epoch, step, loss=1.5, hits=2, images=4, seconds=9.0)
    for number in range(1, epoch + 1):
        confusion = torch.eye(2, dtype=torch.int64).numpy()
        progress.history.add({"epoch": number, "val_accuracy": 0.5}, 0.5, 1.0, confusion)
    save_state(folder, checkpoint, state, progress, IDENTITY)
    return progress
