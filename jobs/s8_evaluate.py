"""spark-submit jobs/s8_evaluate.py --config conf/demo.yaml"""

import sys

from lstmrec.jobs.evaluate import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
