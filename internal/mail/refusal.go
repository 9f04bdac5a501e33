package mail

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

// maxWords is the maximum length of a server's answer in an error, in characters.
const maxWords = 200

// errOurs is among the errors of Send if the server refuses something that is the same for every recipient.
var errOurs = errors.New("the SMTP server does not accept our name, our sender or our sign-in: a matter of settings")

// described returns an error that includes the server's answer.
func (s *Sender) described(ctx context.Context, err error, to string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("speak with the SMTP server: %w", ctx.Err())
	}
	failure, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return fmt.Errorf("reach the SMTP server: %w", err)
	}
	if failure.ErrorCode() == 0 {
		return fmt.Errorf("the connection to the SMTP server broke: %s", failure.Reason)
	}
	words := strings.TrimPrefix(failure.Error(), failure.Reason.String()+": ")
	words, _, _ = strings.Cut(words, ", affected ")
	return s.refused(failure.Reason, words, to)
}

// refused returns the error for an answer with which a server refuses one step of a message to an address.
func (s *Sender) refused(step gomail.SendErrReason, words, to string) error {
	words = unquoted(words)
	answer := fmt.Errorf("the SMTP server answered %s: %s", s.shown(words, to), step)
	switch whose(step, words) {
	case recipients:
		return fmt.Errorf("%w: %w", ErrRefused, answer)
	case ours:
		return fmt.Errorf("%w: %w", errOurs, answer)
	default:
		return answer
	}
}

// unquoted returns a server's answer without go-mail's quotes around the text.
func unquoted(words string) string {
	code, rest, _ := strings.Cut(words, " ")
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		if plain, err := strconv.Unquote(quoted); err == nil {
			return code + " " + plain
		}
	}
	return words
}

// blame is whose fault a refusal is.
type blame int

const (
	// nobodys is a temporary refusal.
	nobodys blame = iota
	recipients
	ours
)

// replyForm matches an answer's code and its enhanced code, if it has one (RFC 2034).
var replyForm = regexp.MustCompile(`^(\d{3})(?:[ -](\d\.\d{1,3}\.\d{1,3})\b)?`)

// whose returns whose fault a refusal is. Some servers refuse Foyer's name or sender only at RCPT, or its sign-in only
// at the end of the message.
func whose(step gomail.SendErrReason, words string) blame {
	reply := replyForm.FindStringSubmatch(words)
	if reply == nil || reply[1] < "500" {
		return nobodys
	}
	code, _ := strconv.Atoi(reply[1])
	class, _, _ := strings.Cut(strings.TrimPrefix(reply[2], "5."), ".")
	sender := reply[2] == "5.1.7" || reply[2] == "5.1.8" // RFC 3463, section 3.2
	switch step {
	case gomail.ErrSMTPRcptTo:
		unsaid := reply[2] == "" || class == "0"
		if !sender && (class == "1" || class == "2" || unsaid && code >= 550 && code <= 553) {
			return recipients
		}
	case gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		if !sender && class != "5" && class != "7" {
			return recipients
		}
	}
	return ours
}

// addressForm matches text that looks like an e-mail address.
var addressForm = regexp.MustCompile("[^\\s<>\"'(),;:]+@[^\\s<>\"'(),;:]+")

// shown makes a server's answer safe to log: one line of limited length, without addresses except the sender's.
func (s *Sender) shown(words, to string) string {
	words = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(words, " "))
	words = addressForm.ReplaceAllStringFunc(words, func(address string) string {
		if strings.EqualFold(address, s.from.Address) {
			return address
		}
		return "…@…"
	})
	local := to[:max(strings.LastIndexByte(to, '@'), 0)]
	if local != "" {
		word := regexp.MustCompile(`(?i)(^|[^\pL\pN])` + regexp.QuoteMeta(local) + `($|[^\pL\pN])`)
		for range 2 { // two adjacent matches share the character between them
			words = word.ReplaceAllString(words, "$1…$2")
		}
	}
	if characters := []rune(words); len(characters) > maxWords {
		words = string(characters[:maxWords]) + "…"
	}
	return words
}
