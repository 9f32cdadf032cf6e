"""E-mail (RFC 5322) by the standard library: its head, its text, the names of what is attached."""

from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart

from stellwerk.ports.reading import InvalidFileError
from stellwerk.readers import running
from stellwerk.readers.markup import text_of

SHOWN = ("From", "To", "Cc", "Date", "Subject")


def text_in(data: bytes) -> str:
    """The text as a person would read it."""
    try:
        mail = message_from_bytes(data, policy=policy.default)
        lines = [f"{name}: {mail[name]}" for name in SHOWN if mail[name]]
        attached = [part.get_filename() or "?" for part in mail.iter_attachments()]
        body = _body(mail)
    except (MessageError, LookupError, ValueError, AttributeError, KeyError) as error:
        raise InvalidFileError("The e-mail cannot be read.") from error
    lines += [f"Attached: {', '.join(attached)}"] if attached else []
    return "\n".join([*lines, "", body])


def _body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain", "html"))
    if part is None:
        return ""
    content = _text(part)
    return text_of(content) if part.get_content_type() == "text/html" else content


def _text(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except LookupError:
        # Mail names character sets that nobody else knows.
        data = part.get_payload(decode=True)
        return running.text_in(data) if isinstance(data, bytes) else ""
