import java.io.File;
import java.util.Date;
import java.util.Properties;
import javax.mail.Authenticator;
import javax.mail.Message;
import javax.mail.MessagingException;
import javax.mail.PasswordAuthentication;
import javax.mail.Session;
import javax.mail.Transport;
import javax.mail.internet.InternetAddress;
import javax.mail.internet.MimeBodyPart;
import javax.mail.internet.MimeMessage;
import javax.mail.internet.MimeMultipart;

/**
 * A notification as Jira sends it: by a session whose mail.smtp.* properties an administrator has set, in two forms of text, with
 * header fields by which Jira and others know it again.
 *
 * <pre>
 * HOST PORT USER PASSWORD TO FILE TRIES [NAME=VALUE ...]   FILE is attached ("-": none); properties of the session follow
 * </pre>
 *
 * What cannot be sent is tried again with the same Message-ID, as from Jira's mail queue. A line for each try.
 */
public class JiraMailer {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.put("mail.transport.protocol", "smtp");
        properties.put("mail.smtp.host", arguments[0]);
        properties.put("mail.smtp.port", arguments[1]);
        properties.put("mail.smtp.user", arguments[2]);
        properties.put("mail.smtp.auth", "true");
        for (int index = 7; index < arguments.length; index++) {
            String[] property = arguments[index].split("=", 2);
            properties.put(property[0], property[1]);
        }
        Session session = Session.getInstance(properties, new Authenticator() {
            @Override
            protected PasswordAuthentication getPasswordAuthentication() {
                return new PasswordAuthentication(arguments[2], arguments[3]);
            }
        });
        MimeMessage message = notification(session, arguments[2], arguments[4], arguments[5]);
        for (int tries = Integer.parseInt(arguments[6]); tries > 0; tries--) {
            if (isSent(message)) {
                return;
            }
        }
    }

    static boolean isSent(MimeMessage message) {
        try {
            Transport.send(message);
            System.out.println("sent");
            return true;
        } catch (MessagingException failure) {
            StringBuilder line = new StringBuilder("failed");
            for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
                line.append('\t').append(cause.toString().replaceAll("\\s+", " "));
            }
            System.out.println(line);
            return false;
        }
    }

    static MimeMessage notification(Session session, String from, String to, String file) throws Exception {
        MimeMessage message = new Named(session);
        message.setFrom(new InternetAddress(from, "Ada Größe (Jira)", "UTF-8"));
        message.setReplyTo(InternetAddress.parse("jira@contoso.example"));
        message.setRecipients(Message.RecipientType.TO, to);
        message.setSubject("[JIRA] (PONTE-42) Größe der Brücke prüfen", "UTF-8");
        message.setSentDate(new Date());
        message.setHeader("Precedence", "bulk");
        message.setHeader("Auto-Submitted", "auto-generated");
        message.setHeader("X-JIRA-FingerPrint", "0123456789abcdef0123456789abcdef");
        message.setHeader("In-Reply-To", "<JIRA.4242.1772443230000@Atlassian.JIRA>");
        message.setHeader("References", "<JIRA.4242.1772443230000@Atlassian.JIRA> <JIRA.4242.1772443230000.7@Atlassian.JIRA>");
        message.setHeader("List-Id", "Ponte Vecchio <ponte.jira.contoso.example>");
        MimeBodyPart text = new MimeBodyPart();
        text.setText("Zeile eins\r\n.Zeile mit Punkt\r\n", "UTF-8");
        MimeBodyPart html = new MimeBodyPart();
        html.setContent("<p>Zeile eins</p>", "text/html; charset=UTF-8");
        MimeBodyPart forms = new MimeBodyPart();
        forms.setContent(new MimeMultipart("alternative", text, html));
        MimeMultipart whole = new MimeMultipart("mixed", forms);
        if (!file.equals("-")) {
            MimeBodyPart attached = new MimeBodyPart();
            attached.attachFile(new File(file));
            attached.setFileName("Anhang äöü.bin");
            whole.addBodyPart(attached);
        }
        message.setContent(whole);
        return message;
    }

    /** Jira names its mail itself; JavaMail would make another name each time. */
    static class Named extends MimeMessage {
        Named(Session session) {
            super(session);
        }

        @Override
        protected void updateMessageID() throws MessagingException {
            setHeader("Message-ID", "<JIRA.4242.1772443230000.9.1772443231000@Atlassian.JIRA>");
        }
    }
}
