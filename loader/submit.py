"""What spark-submit starts: `spark-submit …/loader/submit.py TABLE …` is `hotswap run TABLE …`.

spark-submit --master yarn …/loader/submit.py ads.performance --config hotswap.yaml
"""

import sys


def main() -> None:
    """Run the command line as `hotswap run` with the arguments of spark-submit."""
    from loader.cli.main import main as command  # noqa: PLC0415

    sys.argv[1:1] = ["run"]
    sys.exit(command())


if __name__ == "__main__":
    main()
