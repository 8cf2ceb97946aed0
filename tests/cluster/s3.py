"""An S3 server of this machine (moto), for tests of `s3://` addresses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

OPTIONS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def s3_server(bucket: str) -> Iterator[str]:
    """Start a server with an empty bucket; within, this process and those that it starts find it in the environment.

    Yields:
        The bucket's address.
    """
    pytest.importorskip("s3fs")
    server_of = pytest.importorskip("moto.server")
    import s3fs

    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _host, port = server.get_host_and_port()
        with pytest.MonkeyPatch.context() as patched:
            for name, value in {**OPTIONS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}.items():
                patched.setenv(name, value)
            assert os.environ["AWS_ENDPOINT_URL"]
            s3fs.S3FileSystem(skip_instance_cache=True).mkdir(bucket)
            yield f"s3://{bucket}"
    finally:
        server.stop()
