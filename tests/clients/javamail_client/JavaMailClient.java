import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Properties;
import javax.mail.FetchProfile;
import javax.mail.Flags;
import javax.mail.Folder;
import javax.mail.Message;
import javax.mail.Multipart;
import javax.mail.Part;
import javax.mail.Session;
import javax.mail.Store;
import javax.mail.Transport;
import javax.mail.UIDFolder;
import javax.mail.internet.InternetAddress;
import javax.mail.internet.MimeBodyPart;
import javax.mail.internet.MimeMessage;
import javax.mail.internet.MimeMultipart;
import javax.mail.search.SubjectTerm;

/**
 * What a Java tool does with a mailbox, as Jira's mail handlers do it. Commands:
 *
 * <pre>
 * read HOST PORT USER PASSWORD            every part of every message of INBOX, one line each (tabs between)
 * handle HOST PORT USER PASSWORD          each message is marked: "Seen me" seen, "Delete me" deleted; close with expunge
 * file HOST PORT USER PASSWORD            "File me" is copied to Archive and expunged here; "Kept copy" is appended to Archive
 * send HOST PORT USER PASSWORD OUT FILE   a message with FILE attached, and in blind copy to carol; its bytes go to OUT as well
 * </pre>
 */
public class JavaMailClient {
    public static void main(String[] arguments) throws Exception {
        Connection connection = new Connection(
            arguments[1], Integer.parseInt(arguments[2]), arguments[3], arguments[4]);
        switch (arguments[0]) {
            case "read" -> read(connection);
            case "handle" -> handle(connection);
            case "file" -> file(connection);
            case "send" -> send(connection, Path.of(arguments[5]), Path.of(arguments[6]));
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    record Connection(String host, int port, String user, String password) {
        Session session(String protocol) {
            Properties properties = new Properties();
            String prefix = "mail." + protocol + ".";
            properties.put(prefix + "auth", "true");
            // Jira's own limit: a server silent for longer is given up (Atlassian's default of 10 s).
            properties.put(prefix + "timeout", "10000");
            properties.put(prefix + "connectiontimeout", "10000");
            if (System.getProperty("mail.debug") != null) {
                properties.put("mail.debug", "true");
            }
            return Session.getInstance(properties);
        }

        Store store() throws Exception {
            Store store = session("imap").getStore("imap");
            store.connect(host, port, user, password);
            return store;
        }
    }

    static void read(Connection connection) throws Exception {
        try (Store store = connection.store()) {
            Folder inbox = store.getFolder("INBOX");
            inbox.open(Folder.READ_WRITE);
            Message[] messages = inbox.getMessages();
            FetchProfile profile = new FetchProfile();
            profile.add(FetchProfile.Item.ENVELOPE);
            profile.add(FetchProfile.Item.FLAGS);
            profile.add(FetchProfile.Item.CONTENT_INFO);
            profile.add(UIDFolder.FetchProfileItem.UID);
            inbox.fetch(messages, profile);
            for (Message message : messages) {
                Digest whole = new Digest();
                message.writeTo(whole);
                say("message", message.getMessageNumber(), ((UIDFolder) inbox).getUID(message), message.getSize(),
                    whole.octets, whole.hex(), ((MimeMessage) message).getMessageID(), message.getReceivedDate() != null);
                walk(message.getMessageNumber(), "", message);
                say("seen", message.getMessageNumber(), message.isSet(Flags.Flag.SEEN));
            }
            inbox.close(true);
        }
    }

    /** Numbers parts as IMAP does: a message inside a message has its parts below its own number. */
    static void walk(int number, String path, Part part) throws Exception {
        Object content;
        try {
            content = part.getContent();
        } catch (IOException unreadable) {
            // An unknown charset or a broken encoding is the mail's own fault; its octets are still compared.
            content = null;
        }
        if (content instanceof Multipart multipart) {
            for (int index = 0; index < multipart.getCount(); index++) {
                walk(number, path + (path.isEmpty() ? "" : ".") + (index + 1), multipart.getBodyPart(index));
            }
            return;
        }
        // What is no multipart is part 1 of its message.
        String place = part instanceof MimeMessage ? path + (path.isEmpty() ? "" : ".") + "1" : path;
        if (content instanceof MimeMessage inner) {
            say("part", number, place, "message", inner.getSize());
            walk(number, place, inner);
            return;
        }
        Digest raw = new Digest();
        try (InputStream octets = raw(part)) {
            octets.transferTo(raw);
        }
        // The size of a message counts its header.
        say("part", number, place, "leaf", part instanceof MimeMessage ? raw.octets : part.getSize(), raw.octets, raw.hex());
    }

    static InputStream raw(Part part) throws Exception {
        if (part instanceof MimeBodyPart body) {
            return body.getRawInputStream();
        }
        return ((MimeMessage) part).getRawInputStream();
    }

    static void handle(Connection connection) throws Exception {
        try (Store store = connection.store()) {
            Folder inbox = store.getFolder("INBOX");
            inbox.open(Folder.READ_WRITE);
            for (Message message : inbox.getMessages()) {
                switch (message.getSubject()) {
                    case "Seen me" -> message.setFlag(Flags.Flag.SEEN, true);
                    case "Delete me" -> message.setFlag(Flags.Flag.DELETED, true);
                    default -> { }
                }
            }
            say("unread", inbox.getUnreadMessageCount());
            inbox.close(true);
        }
    }

    static void file(Connection connection) throws Exception {
        try (Store store = connection.store()) {
            Folder inbox = store.getFolder("INBOX");
            Folder archive = store.getFolder("Archive");
            inbox.open(Folder.READ_WRITE);
            Message[] found = inbox.search(new SubjectTerm("File me"));
            inbox.copyMessages(found, archive);
            inbox.setFlags(found, new Flags(Flags.Flag.DELETED), true);
            say("expunged", inbox.expunge().length);
            MimeMessage kept = new MimeMessage(connection.session("imap"));
            kept.setFrom(new InternetAddress(connection.user()));
            kept.setSubject("Kept copy");
            kept.setText("appended by JavaMail");
            kept.setFlag(Flags.Flag.SEEN, true);
            archive.appendMessages(new Message[] {kept});
            inbox.close(false);
            say("exists", store.getFolder("No such folder").exists(), archive.exists());
        }
    }

    static void send(Connection connection, Path out, Path attachment) throws Exception {
        Session session = connection.session("smtp");
        MimeMessage message = new MimeMessage(session);
        message.setFrom(new InternetAddress(connection.user()));
        message.setRecipients(Message.RecipientType.TO, "bob@elsewhere.example");
        message.setRecipients(Message.RecipientType.BCC, "carol@elsewhere.example");
        message.setSubject("Grüße mit Anhang", "UTF-8");
        message.setSentDate(new java.util.Date());
        MimeBodyPart text = new MimeBodyPart();
        text.setText("Zeile eins\r\n.Zeile mit Punkt\r\n", "UTF-8");
        MimeBodyPart file = new MimeBodyPart();
        file.attachFile(attachment.toFile());
        file.setFileName("Anhang äöü.bin");
        message.setContent(new MimeMultipart(text, file));
        message.saveChanges();
        try (Transport transport = session.getTransport("smtp")) {
            transport.connect(connection.host(), connection.port(), connection.user(), connection.password());
            transport.sendMessage(message, message.getAllRecipients());
        }
        ByteArrayOutputStream octets = new ByteArrayOutputStream();
        message.writeTo(octets, new String[] {"Bcc", "Content-Length"});
        Files.write(out, octets.toByteArray());
        say("sent", message.getMessageID());
    }

    static void say(Object... words) {
        StringBuilder line = new StringBuilder();
        for (Object word : words) {
            line.append(line.isEmpty() ? "" : "\t").append(word);
        }
        System.out.println(line);
    }

    static class Digest extends OutputStream {
        final MessageDigest digest;
        long octets;

        Digest() throws Exception {
            digest = MessageDigest.getInstance("SHA-256");
        }

        @Override
        public void write(int octet) {
            digest.update((byte) octet);
            octets++;
        }

        @Override
        public void write(byte[] some, int offset, int length) {
            digest.update(some, offset, length);
            octets += length;
        }

        String hex() {
            return HexFormat.of().formatHex(digest.digest());
        }
    }
}
