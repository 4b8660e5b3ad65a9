"""Fills a fresh Samba domain: accounts, nested groups, and the key of the proxy's service.

    python3 domain.py SMB.CONF PASSWORD KEYTAB
"""

import sys

import ldb
from samba.auth import system_session
from samba.credentials import Credentials
from samba import dsdb, enable_net_export_keytab
from samba.param import LoadParm
from samba.samdb import SamDB

conf, password, keytab = sys.argv[1:]
lp = LoadParm()
lp.load(conf)
sam = SamDB(lp=lp, session_info=system_session())
base = sam.domain_dn()


def named(name, folder):
    """The distinguished name of what is called so, escaped where it must be."""
    dn = ldb.Dn(sam, f"OU={folder},{base}")
    dn.add_child("CN=placeholder")
    dn.set_component(0, "CN", name)
    return dn


for folder in ("Personnes", "Groupes", "Postes"):
    sam.create_ou(f"OU={folder},{base}")

# Account, and the name in its distinguished name.
ACCOUNTS = {
    "a.martin": "A. Martin",
    "p.dupont": "P. Dupont",
    "équipe.été": "Équipe d’été, accueil (stagiaires)",
    "ancien": "Compte désactivé",
    "interim": "Compte expiré",
    "svc-octroi": "Octroi, lecture",
    "svc-proxy": "Octroi, Kerberos",
}
COMPUTERS = {"PC01$": "PC01"}


def account(name, common_name, folder, kind, **more):
    dn = named(common_name, folder)
    # AES keys only, of the password that is set from then on.
    sam.add({"dn": dn, "objectClass": kind, "sAMAccountName": name, "msDS-SupportedEncryptionTypes": "24", **more})
    by_name = f"(sAMAccountName={ldb.binary_encode(name)})"
    sam.setpassword(by_name, password)
    sam.enable_account(by_name)
    return dn


people = {
    name: account(name, common, "Personnes", "user", userPrincipalName=f"{name}@ad.pme.test")
    for name, common in ACCOUNTS.items()
}
for name, common in COMPUTERS.items():
    people[name] = account(name, common, "Postes", "computer", userAccountControl="4128")
sam.disable_account("(sAMAccountName=ancien)")
sam.setexpiry("(sAMAccountName=interim)", -86400)
sam.modify_ldif(
    f"dn: {people['svc-proxy']}\nchangetype: modify\nadd: servicePrincipalName\n"
    "servicePrincipalName: HTTP/proxy.ad.pme.test\nservicePrincipalName: HTTP/gate.localhost\n"
)

# Group, and who is in it: a.martin is in Commerce through Ventes, and in Réseau, a group of the domain alone, through both.
GROUPS = {
    "Direction": ["p.dupont"],
    "Ventes": ["a.martin"],
    "Études, R&D": ["équipe.été"],
    "Commerce": ["group:Ventes"],
    "Réseau": ["group:Commerce"],
}
for name, members in GROUPS.items():
    entry = {"dn": named(name, "Groupes"), "objectClass": "group", "sAMAccountName": name.replace(",", "")}
    if name == "Réseau":
        entry["groupType"] = str(dsdb.GTYPE_SECURITY_DOMAIN_LOCAL_GROUP)
    entry["member"] = [
        str(named(member[6:], "Groupes") if member.startswith("group:") else people[member]) for member in members
    ]
    sam.add(entry)

credentials = Credentials()
credentials.set_kerberos_state(0)
enable_net_export_keytab()
from samba.net import Net  # noqa: E402  the call above gives it its method

for principal in ("HTTP/proxy.ad.pme.test", "HTTP/gate.localhost"):
    Net(credentials, lp).export_keytab(keytab=keytab, principal=principal)
