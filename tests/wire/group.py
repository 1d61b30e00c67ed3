"""Groups of real servers on loopback: who leads, who follows, and what each of them says."""

from harness import Client, ReplyError, Server, eventually, free_port


class Node(Server):
    """A server that can be a replica; its address stays across restarts."""

    host = "127.0.0.1"

    def __init__(self, *flags, primary=None, members=(), **options):
        self.primary = primary
        self.members = list(members)
        super().__init__("--shards", "2", "--restart-grace", "0", *flags, **options)

    def command_line(self):
        line = super().command_line() + ["--bind", self.host]
        if self.primary:
            line += ["--replicaof", "%s %d" % (self.primary.host, self.primary.other_port)]
        if self.members:
            line += ["--sync-replicas", " ".join(node.address for node in self.members)]
        return line

    @property
    def other_port(self):
        """Where other nodes reach it."""
        return self.port

    @property
    def address(self):
        return "%s:%d" % (self.host, self.other_port)

    def client(self):
        return Client(self.port)

    def call(self, *words):
        client = self.client()
        try:
            return client.call(*words)
        finally:
            client.close()

    def try_call(self, *words):
        """None if it does not answer, or answers an error."""
        try:
            return self.call(*words)
        except (OSError, ReplyError):
            return None

    def replication(self):
        text = self.try_call("INFO", "replication")
        lines = (text or b"").decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def leads(self):
        return self.replication().get("role") == "master"

    def follows(self, up_to=0):
        state = self.replication()
        is_linked = state.get("role") == "slave" and state["master_link_status"] == "up"
        return is_linked and state["master_sync_in_progress"] == "0" and int(state["slave_repl_offset"]) >= up_to

    def has_all_of(self, primary):
        """All that is in its log is applied here."""
        return self.follows(int(primary.replication().get("master_repl_offset", 0)))

    def sync_set(self):
        return {line[0].decode() for line in self.try_call("SYNCSET", "LIST") or []} - {"self"}

    def has_members(self, *nodes):
        return self.sync_set() == {node.address for node in nodes}


def until(condition, *arguments):
    return eventually(lambda: condition(*arguments))
