"""spark-submit jobs/s3_normalise.py --config conf/demo.yaml"""

import sys

from lstmrec.jobs.normalise import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
