"""spark-submit jobs/s4_profile.py --config conf/demo.yaml"""

import sys

from lstmrec.jobs.profile import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
