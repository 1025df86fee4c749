"""spark-submit jobs/s7_score.py --config conf/demo.yaml"""

import sys

from lstmrec.jobs.score import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
