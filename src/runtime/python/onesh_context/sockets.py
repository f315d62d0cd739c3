"""Sockets in the namespace: one that listens is known in the cluster, and a host's name that is the cluster's leads there. They stay
Python's own; only whom they connect to is another (`network/network.ts`)."""
import os
import re

from .channel import CallError
from .namespace import fail
from .own_name import OwnName

# As `network/names.ts` has it: one label, or PROGRAM.cluster.
_label = re.compile(r'(?!localhost$|\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$')


def _may_be_of_cluster(host):
    if isinstance(host, bytes):
        host = host.decode('latin-1')
    return isinstance(host, str) and (_label.match(host) is not None or host.endswith('.cluster'))


def change_socket(ns):
    """What to do with the module `socket` once it is imported."""

    def change(module):
        base = module._socket.socket
        own_name = OwnName(ns, module)
        own = os.getpid()
        known = {}

        def call(name, *args):
            try:
                return ns.channel.call(name, list(args))[0]
            except CallError as error:
                fail(error.code)

        def announce(self, transport):
            if self.family not in (module.AF_INET, module.AF_INET6):
                return
            address, port = self.getsockname()[:2]
            known[self.fileno()] = call('net.listen', transport, address, port)

        def instead(kind, address):
            """The address to use in place of a name of the cluster's."""
            if not isinstance(address, tuple) or len(address) < 2 or not _may_be_of_cluster(address[0]):
                return None
            host, port = address[:2]
            if not isinstance(port, int) or not 0 < port < 65536:
                return None
            if kind == module.SOCK_DGRAM:
                return call('net.datagrams', host, port)
            return call('net.connect', host, port, True)

        def target(self, address):
            found = instead(self.type, address) if self.family in (module.AF_INET, module.AF_INET6) else None
            if found is None:
                return address
            mapped = self.family == module.AF_INET6 and ':' not in found['host']
            return ('::ffff:' if mapped else '') + found['host'], found['port']

        def listen(self, *args):
            base.listen(self, *args)
            if self.fileno() not in known:
                announce(self, 'tcp')

        def bind(self, address):
            if isinstance(address, tuple) and len(address) > 1:
                address = (own_name.to_host(address[0]), *address[1:])
            base.bind(self, address)
            if self.type == module.SOCK_DGRAM:
                announce(self, 'udp')

        def connect(self, address):
            base.connect(self, target(self, address))

        def connect_ex(self, address):
            try:
                return base.connect_ex(self, target(self, address))
            except OSError as error:
                return error.errno

        def sendto(self, data, *rest):
            return base.sendto(self, data, *rest[:-1], target(self, rest[-1]))

        close = module.socket._real_close

        def _real_close(self, *args):
            withdrawn = known.pop(self.fileno(), None) if os.getpid() == own else None
            close(self, *args)
            if withdrawn is not None:
                call('net.unlisten', withdrawn)

        for method in listen, bind, connect, connect_ex, sendto, _real_close:
            setattr(module.socket, method.__name__, method)

        look_up = module.getaddrinfo

        def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
            if family in (0, module.AF_INET) and str(port).isdigit() and not flags & module.AI_PASSIVE:
                try:
                    found = instead(type, (host, int(port)))
                except ConnectionRefusedError:
                    # Nobody listens there; who asks for its own name may be about to.
                    if not own_name.means(host):
                        raise
                    found = None
                if found is not None:
                    return look_up(found['host'], found['port'], family, type, proto, flags)
            return look_up(own_name.to_host(host), port, family, type, proto, flags)

        module.getaddrinfo = getaddrinfo

    return change
