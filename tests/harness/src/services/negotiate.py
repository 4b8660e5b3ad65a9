# Tokens of Negotiate as programs make them that are no browsers (python3-gssapi), in base64, one a line:
#
#   python3 negotiate.py HTTP@HOST            what negotiates
#   python3 negotiate.py HTTP@HOST kerberos   a bare one of Kerberos
#   python3 negotiate.py HTTP@HOST two        an offer without a token, and the answer to being asked for one (RFC 4178)
#
# Whose they are, KRB5CCNAME says.
import base64
import sys

import gssapi

KERBEROS = gssapi.OID.from_int_seq("1.2.840.113554.1.2.2")
SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")


def value(tag, *parts):
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def token(service, mechanism):
    name = gssapi.Name(service, gssapi.NameType.hostbased_service)
    return gssapi.SecurityContext(name=name, mech=mechanism, usage="initiate").step()


service, kind = sys.argv[1], (sys.argv[2:] + ["negotiate"])[0]
if kind == "negotiate":
    tokens = [token(service, SPNEGO)]
elif kind == "kerberos":
    tokens = [token(service, KERBEROS)]
else:
    kerberos = bytes.fromhex("06092a864886f712010202")
    offered = value(0xA0, value(0x30, kerberos))
    offer = value(0x60, bytes.fromhex("06062b0601050502"), value(0xA0, value(0x30, offered)))
    answer = value(0xA1, value(0x30, value(0xA2, value(0x04, token(service, KERBEROS)))))
    tokens = [offer, answer]
for made in tokens:
    print(base64.b64encode(made).decode())
