"""Maestro plugin in Python: the packages of a Python installation.

Written from sdk/proto/maestro/plugin/v1/plugin.proto and docs/protocol.md alone.
"""
import base64, datetime, json, os, re, signal, sys, threading
from concurrent import futures
from importlib import metadata

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from maestro.plugin.v1 import plugin_pb2 as pb
from maestro.plugin.v1 import plugin_pb2_grpc as rpc

KIND = "python.package"
KIND_SCHEMA = {
    "type": "object",
    "x-maestro-label": "Python package", "x-maestro-plural": "Python packages", "x-maestro-group": "other",
    "properties": {
        "version": {"type": "string", "x-maestro-column": True, "x-maestro-indexed": True},
        "summary": {"type": "string", "x-maestro-searchable": True},
        "license": {"type": "string"},
        "requires": {"type": "array", "items": {"type": "string"}, "x-maestro-set": True},
    },
}
SETTINGS_SCHEMA = {
    "type": "object", "additionalProperties": False,
    "properties": {"path": {"type": "string", "description": "Directory of the packages; the plugin's own when empty."}},
}


def log(level, message, **fields):
    print(json.dumps({"@level": level, "@message": message, **fields}), file=sys.stderr, flush=True)


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


class Plugin(rpc.PluginServicer):
    def Describe(self, request, context):
        return pb.DescribeResponse(
            capability=1, provider="python", version="1.0.0", title="Python packages",
            summary="The packages of a Python installation.",
            kinds=[pb.KindSupport(kind=KIND, major=1, schema=json.dumps(KIND_SCHEMA).encode())],
            settings_schema=json.dumps(SETTINGS_SCHEMA).encode())

    def Plan(self, request, context):
        self.packages(request.connection, context)
        return pb.PlanResponse(scopes=[pb.Scope(kind=k) for k in request.kinds], complete=True)

    def Discover(self, request, context):
        for index, scope in enumerate(request.scopes):
            if scope.kind != KIND:
                yield self.done(index, pb.STATUS_UNSUPPORTED, 0, f"no kind {scope.kind}")
                continue
            batch, listed = [], 0
            found = self.packages(request.connection, context)
            for name, dist in sorted(found.items()):
                if not context.is_active():
                    return  # canceled: what has no outcome proves nothing
                batch.append(self.resource(name, dist, found))
                listed += 1
                if len(batch) == 500:
                    yield pb.DiscoverResponse(scope=index, batch=pb.Batch(resources=batch))
                    batch = []
            yield pb.DiscoverResponse(scope=index, batch=pb.Batch(resources=batch))
            log("info", "scope read", listed=listed)
            yield self.done(index, pb.STATUS_COMPLETE, listed)

    def packages(self, connection, context):
        path = json.loads(connection.settings or b"{}").get("path")
        if path and not os.path.isdir(path):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{path} is not a directory")
        found = metadata.distributions(path=[path]) if path else metadata.distributions()
        return {normal(d.metadata["Name"]): d for d in found if d.metadata["Name"]}

    def resource(self, name, dist, found):
        needs = {normal(re.match(r"[\w.-]+", r).group()) for r in dist.requires or [] if "extra ==" not in r}
        attributes = {"version": dist.version, "summary": dist.metadata.get("Summary"),
                      "license": dist.metadata.get("License-Expression"), "requires": sorted(needs)}
        return pb.Resource(
            kind=KIND, major=1, external_id=name, name=dist.metadata["Name"],
            attributes=json.dumps({k: v for k, v in attributes.items() if v}).encode(),
            relations=[pb.Relation(verb="depends_on", kind=KIND, external_id=n) for n in needs if n in found])

    def done(self, index, status, listed, error=""):
        return pb.DiscoverResponse(scope=index, done=pb.Outcome(status=status, listed=listed, error=error))


def certificate():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + 365 * day)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()))
    pem, der = serialization.Encoding.PEM, serialization.Encoding.DER
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, cert.public_bytes(pem), base64.b64encode(cert.public_bytes(der)).decode().rstrip("=")


def main():
    if os.environ.get("MAESTRO_PLUGIN") != "b2b8e8a8-0e5f-4a6e-9a86-6f5b8f0a5c1d":
        sys.exit("This is a plugin of Maestro. The agent starts it.")
    private, cert, line = certificate()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    rpc.add_PluginServicer_to_server(Plugin(), server)
    address = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "plugin")
    server.add_secure_port("unix:" + address, grpc.ssl_server_credentials(
        [(private, cert)], os.environ["PLUGIN_CLIENT_CERT"].encode(), require_client_auth=True))
    server.start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print(f"1|1|unix|{address}|grpc|{line}", flush=True)
    stop.wait()
    server.stop(grace=1).wait()


if __name__ == "__main__":
    main()
