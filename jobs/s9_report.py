"""spark-submit jobs/s9_report.py --config conf/demo.yaml"""

import sys

from lstmrec.jobs.report import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
