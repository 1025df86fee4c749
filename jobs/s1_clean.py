"""spark-submit jobs/s1_clean.py --config conf/demo.yaml"""

import sys

from lstmrec.jobs.clean import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
