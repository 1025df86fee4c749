"""spark-submit jobs/s6_train.py --config conf/demo.yaml"""

import sys

from lstmrec.jobs.train import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
