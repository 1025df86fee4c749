"""The daily flow: each job's way of going on from the day before."""

from lstmrec.store.daily import clean as clean
from lstmrec.store.daily import fitted as fitted
from lstmrec.store.daily import judge as judge
from lstmrec.store.daily import links as links
from lstmrec.store.daily import normalise as normalise
from lstmrec.store.daily import profile as profile
from lstmrec.store.daily import split as split
