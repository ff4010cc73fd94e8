"""The supervisors that the bench compares, one module each."""

from contestants.bare import Bare
from contestants.pm2 import Pm2
from contestants.runit import Runit
from contestants.s6 import S6
from contestants.supervisord import Supervisord
from contestants.troupe import Troupe

# In the order of the columns. `bare` is the limit, not a peer.
ALL = [Bare, Supervisord, S6, Runit, Pm2, Troupe]
