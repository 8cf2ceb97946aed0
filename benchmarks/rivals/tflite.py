"""Networks that rivals ship as TensorFlow Lite files, run by LiteRT."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray


def tflite_network(package: str, file: str) -> Callable[[NDArray[np.float32]], NDArray[np.floating]]:
    """Give the network in an installed package as a function from its input batch to its output batch, on one thread.

    The package is found, not imported: the import would need TensorFlow.
    """
    found = find_spec(package)
    assert found
    assert found.origin
    network = Interpreter(str(Path(found.origin).parent / file), num_threads=1)
    network.allocate_tensors()
    given, answer = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def run(batch: NDArray[np.float32]) -> NDArray[np.floating]:
        network.set_tensor(given, batch)
        network.invoke()
        return network.get_tensor(answer)

    return run
