"""spark-submit jobs/s2_split.py --config conf/demo.yaml"""

import sys

from lstmrec.jobs.split import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
