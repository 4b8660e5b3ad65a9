"""A server that takes letters and writes down, a line of JSON each, what a reader of mail makes of them.

Arguments: port, plain | starttls | smtps, file to write, certificate, key.
"""
import email
import email.policy
import json
import ssl
import sys
import threading

from aiosmtpd.controller import Controller

port, mode, file, certificate, key = sys.argv[1:6]


class Desk:
    async def handle_DATA(self, server, session, envelope):
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": session.ssl is not None or mode == "smtps",
            "subject": str(letter["Subject"]),
            "automatic": str(letter["Auto-Submitted"]),
            "text": letter.get_content(),
        }
        with open(file, "a") as out:
            out.write(json.dumps(taken) + "\n")
        return "250 taken"


options = {}
if mode != "plain":
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    if mode == "smtps":
        options["ssl_context"] = context
    else:
        options.update(tls_context=context, require_starttls=True)
Controller(Desk(), hostname="127.0.0.1", port=int(port), **options).start()
threading.Event().wait()
