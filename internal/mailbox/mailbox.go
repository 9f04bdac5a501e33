// Package mailbox normalises e-mail addresses and domains to the form that Foyer stores, compares and sends to.
package mailbox

import (
	"errors"
	"net/mail"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// maxAddress is the maximum length of an address in bytes (RFC 5321, section 4.5.3.1.3).
const maxAddress = 254

var (
	errAddress = errors.New("not an e-mail address")
	errDomain  = errors.New("not a domain")
)

// Parse returns an e-mail address in lower case, with its domain in A-labels (RFC 5890). Parsing the result again
// returns the same. A name beside the address is an error, and so is an address that requires quotes (RFC 5321, section
// 4.1.2): few servers accept one, and without the quotes it would be another address.
func Parse(text string) (string, error) {
	if len(text) > maxWritten {
		return "", errAddress
	}
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Name != "" || strings.HasPrefix(parsed.String(), `<"`) {
		return "", errAddress
	}
	at := strings.LastIndexByte(parsed.Address, '@')
	domain, err := Domain(parsed.Address[at+1:])
	address := strings.Map(lower, parsed.Address[:at+1]) + domain
	if err != nil || len(address) > maxAddress {
		return "", errAddress
	}
	return address, nil
}

// maxWritten is the maximum length of a name and an address together, in bytes.
const maxWritten = 1000

// written matches an address in angle brackets after a name. A name without quotes has no comma beside an @, because
// that would be two addresses.
var written = regexp.MustCompile(`^\s*(?:"(?:[^"\\]|\\.)*"|[^"<>;@]*|[^"<>;,]*)\s*(<[^<>]*>)\s*$`)

// ParseWritten is Parse for text that a person writes or pastes: the address may follow a name, as in `"Lovelace, Ada"
// <ada@example.org>`. The name is ignored.
func ParseWritten(text string) (string, error) {
	if len(text) > maxWritten {
		return "", errAddress
	}
	if named := written.FindStringSubmatch(text); named != nil {
		return Parse(named[1])
	}
	return Parse(text)
}

// Domain returns a domain in lower case and in A-labels. Letters that lower case or IDNA mapping would turn into other
// letters are an error: the domain that a mail server finds must be the one that was compared.
func Domain(text string) (string, error) {
	domain := strings.Map(lower, text)
	if !strings.ContainsFunc(domain, beyondASCII) {
		return domain, nil
	}
	domain, err := idna.Registration.ToASCII(domain)
	if err != nil {
		return "", errDomain
	}
	return domain, nil
}

func beyondASCII(r rune) bool { return r > unicode.MaxASCII }

// lower is unicode.ToLower, except for the letters beyond ASCII that it turns into ASCII letters, such as İ and the
// Kelvin sign. Mail servers and domains treat them as different letters, so an address with one may belong to somebody
// else.
func lower(r rune) rune {
	if small := unicode.ToLower(r); r <= unicode.MaxASCII || small > unicode.MaxASCII {
		return small
	}
	return r
}
