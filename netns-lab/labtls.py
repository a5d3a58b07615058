# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates of a lab: a CA and one certificate for each host in the topology's `tls`, by certtool."""
import os
import shutil

from labnet import run
from labprocs import RUN, write

DIR = f"{RUN}/tls"
CA = f"{DIR}/ca.pem"


def certtool(*words):
    run(["certtool", *words])


def key(name):
    certtool("--generate-privkey", "--key-type", "ecdsa", "--outfile", f"{DIR}/{name}.key")


def make(topo, user="nobody"):
    """user: of the process that reads a host's key."""
    if not topo.get("tls"):
        return
    os.makedirs(DIR)
    key("ca")
    write(f"{DIR}/ca.cfg", 'cn = "sand lab"\nca\ncert_signing_key\nexpiration_days = 2\n')
    certtool("--generate-self-signed", "--load-privkey", f"{DIR}/ca.key", "--template", f"{DIR}/ca.cfg",
             "--outfile", CA)
    for host, address in topo["tls"].items():
        key(host)
        write(f"{DIR}/{host}.cfg", f'cn = "{host}"\nip_address = "{address}"\ntls_www_server\n'
              "signing_key\nexpiration_days = 2\n")
        certtool("--generate-certificate", "--load-privkey", f"{DIR}/{host}.key", "--load-ca-certificate", CA,
                 "--load-ca-privkey", f"{DIR}/ca.key", "--template", f"{DIR}/{host}.cfg",
                 "--outfile", f"{DIR}/{host}.pem")
        shutil.chown(f"{DIR}/{host}.key", user)
