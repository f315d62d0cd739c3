"""The name of the machine is the runtime's. It is resolved as the name that the host itself has: to one of its addresses."""
from .functions import like_builtin


class OwnName:
    def __init__(self, ns, module):
        """Changes what the module `socket` says of this machine."""
        self.runtime = ns.runtime
        self.host = module.gethostname()
        by_name = module.gethostbyname
        changed = {
            'gethostname': lambda _: self.runtime,
            'gethostbyname': lambda _, host: by_name(self.to_host(host)),
            'gethostbyname_ex': self._looking_up(module.gethostbyname_ex),
            'gethostbyaddr': self._looking_up(module.gethostbyaddr),
        }
        for name, function in changed.items():
            setattr(module, name, like_builtin(function, name, '_socket', getattr(module, name).__doc__))
        module._socket.gethostname = module.gethostname

    def _looking_up(self, look_up):
        def call(_, host):
            if not self.means(host):
                return look_up(host)
            return self.runtime, [], look_up(self.host)[2]
        return call

    def means(self, host):
        """Whether that is the name."""
        if isinstance(host, (bytes, bytearray)):
            host = host.decode('latin-1')
        return isinstance(host, str) and host.lower() == self.runtime.lower()

    def to_host(self, host):
        return self.host if self.means(host) else host
