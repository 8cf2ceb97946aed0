"""Ray: joining or starting a cluster, and handing work to actors that each hold their networks once.

Ray moves descriptions of work only; the actors read images from, and write results to, storage that all machines share.
So a batch never waits in Ray's object store, and no more of the data is in memory than the actors are working at.
"""

import logging
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ampnet.errors import AmpnetError, ConfigError, ProcessError, UsageError, missing_package
from ampnet.files.printable import printable, reason_of
from ampnet.runtime.cores import usable_cores

OBJECT_STORE_BYTES = 256 << 20
"""Of a cluster that is started here: it holds descriptions of work, not images."""

ADDRESS = "RAY_ADDRESS"

CONNECT_SECONDS = 10
"""Time limit for a node of the cluster to answer."""

TOKEN = "; if it requires a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH"


@dataclass(frozen=True)
class ActorOptions:
    """How many actors work, and on what."""

    count: int
    on_gpu: bool
    """Whether each has its own GPU."""

    def remote(self) -> dict[str, Any]:
        """Return Ray's options of an actor."""
        return {
            "num_cpus": 1,
            "num_gpus": 1 if self.on_gpu else 0,
            # The same limits as those of a single machine's threads, so that results do not depend on the engine.
            "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1"}},
        }


@contextmanager
def ray_cluster(actors: int | None, gpus: int | None) -> Iterator[ActorOptions]:
    """Join the cluster at ``RAY_ADDRESS``, or start one on this machine for the duration of the block.

    A program that has joined one already stays there.

    Args:
        actors: how many are to work; None: one for each GPU of the cluster, or for each core without GPUs.
        gpus: 0 keeps to CPUs, 1 or more gives each actor a GPU, None does so if the cluster has any.

    Raises:
        UsageError: Ray is not installed, or the cluster has no GPU that was requested.
        ProcessError: there is no cluster at that address, or none can be started.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is reported
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its native part would write to our stderr
    try:
        import ray
        from ray.data import DataContext
    except ImportError as error:
        raise missing_package(error.name, "cluster") from error
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    if ray.is_initialized():  # by the program that calls us
        _keep_quiet(DataContext.get_current())
        yield _options(_resources(), actors, gpus)
        return
    cores = usable_cores()
    start: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL, "configure_logging": True}
    if address := os.environ.get(ADDRESS):
        _check_reachable(address)
    else:
        start |= {"address": "local", "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
        start |= {"num_cpus": max(cores, (actors or 0)) + 1}  # one to spare for Ray Data's own tasks
    try:
        with _silent_stderr():
            ray.init(**start)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        where = f"join the Ray cluster at {address}" if address else "start Ray here"
        hint = TOKEN if address else ""  # Ray's own message does not say why
        raise ProcessError(f"cannot {where}: {printable(error)}{hint}") from error
    try:
        _keep_quiet(DataContext.get_current())
        yield _options(_resources(), actors, gpus)
    finally:
        with suppress(Exception):
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Check that something answers at a cluster's address: Ray itself would try for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return  # "auto", or another form that Ray knows
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ProcessError(
            f"cannot join the Ray cluster at {printable(address)}: {printable(reason_of(error))}"
        ) from error


def _resources() -> dict[str, float]:
    import ray

    return dict(ray.cluster_resources())  # type: ignore[no-untyped-call]


def _options(found: dict[str, float], actors: int | None, gpus: int | None) -> ActorOptions:
    there = int(found.get("GPU", 0))
    if gpus and not there:
        raise UsageError("GPUs requested, but the cluster has none; run with --gpus 0")
    on_gpu = there > 0 and gpus != 0
    most = there if on_gpu else max(int(found.get("CPU", 2)) - 1, 1)
    if actors is not None and actors > most:
        raise ConfigError(f"--actors {actors}, but the cluster has room for {most}; run with --actors {most}")
    return ActorOptions(actors or most, on_gpu)


def run_on_actors(
    work: Iterable[dict[str, Any]], actor: type[Any], arguments: dict[str, Any], options: ActorOptions
) -> Iterator[dict[str, Any]]:
    """Distribute pieces of work over actors by Ray Data, and yield their results in the order of completion.

    Args:
        work: rows; they travel to the actors.
        actor: a class that is built once in each actor, and called with one row at a time (a dictionary of arrays).
        arguments: of its constructor, pickled once.

    Raises:
        ProcessError: an actor failed unexpectedly. Of one that dies, Ray starts another, and repeats its work.
    """
    import ray
    from ray.data import ActorPoolStrategy

    rows = list(work)
    if not rows:
        return
    try:
        data = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            actor,
            batch_size=1,
            batch_format="numpy",
            compute=ActorPoolStrategy(size=min(options.count, len(rows))),
            fn_constructor_kwargs=arguments,
            **options.remote(),
        )
        yield from data.iter_rows()
    except ray.exceptions.RayError as error:
        cause = _cause_of(error)
        if isinstance(cause, AmpnetError):
            raise type(cause)(str(cause)) from error
        reason = f"{type(cause).__name__}: {cause}"
        raise ProcessError(
            f"Ray failed: {printable(reason)}; finished parts are kept; continue with --resume"
        ) from error


def _cause_of(error: BaseException) -> BaseException:
    """Find the exception raised in an actor, beneath Ray's wrappers."""
    inner = getattr(error, "cause", None) or error.__cause__
    return _cause_of(inner) if isinstance(inner, BaseException) and inner is not error else error


@contextmanager
def _silent_stderr() -> Iterator[None]:
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _keep_quiet(context: Any) -> None:
    context.enable_progress_bars = False
    context.enable_operator_progress_bars = False
    context.print_on_execution_start = False
    context.verbose_stats_logs = False
    context.execution_options.preserve_order = False
    context.log_internal_stack_trace_to_stdout = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
