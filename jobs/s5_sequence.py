"""spark-submit jobs/s5_sequence.py --config conf/demo.yaml"""

import sys

from lstmrec.jobs.sequence import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
