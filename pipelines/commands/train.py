"""The command line of `ampnet train`."""

from ampnet.settings import TrainConfig
from pipelines.commands.command import AsJson, Quiet, command
from pipelines.commands.stdout import print_result


@command
def train(config: TrainConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Train AMP-Net on a prepared data set and keep the best epoch.

    \bExamples:
      $ ampnet train
      $ ampnet train --gpus 4 --precision bf16 --name paper
      $ ampnet train --pretrained bundled --variant ampnet-small --epochs 6 --lr 0.02
      $ ampnet train --resume
    """
    from ampnet.runtime.launch import is_main_process
    from pipelines.train import run  # loads torch; kept out of `ampnet --help`

    result = run(config, quiet)
    if is_main_process():  # torchrun runs this command in every process
        print_result(result, as_json)
