// Package mailbox gives e-mail addresses and their domains one form: the one that Foyer stores, compares
// and sends to.
package mailbox

import (
	"errors"
	"net/mail"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// maxAddress is how many bytes an address may have (RFC 5321, section 4.5.3.1.3).
const maxAddress = 254

var (
	errAddress = errors.New("not an e-mail address")
	errDomain  = errors.New("not a domain")
)

// Parse returns an e-mail address in lower case, with its domain in A-labels (RFC 5890): what it returns it reads
// again as the same. A name beside the address is an error, and so is an address that has to have quotes (RFC 5321,
// section 4.1.2): few servers take one, and without its quotes it would be another.
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

// maxWritten is how many bytes a name and an address may have together.
const maxWritten = 1000

// written is an address in angle brackets after a name. A name without quotes has no comma beside an @: that
// would be two addresses.
var written = regexp.MustCompile(`^\s*(?:"(?:[^"\\]|\\.)*"|[^"<>;@]*|[^"<>;,]*)\s*(<[^<>]*>)\s*$`)

// ParseWritten is Parse for what a person writes or pastes: the address may follow a name, as in
// `"Lovelace, Ada" <ada@example.org>`. The name is not used.
func ParseWritten(text string) (string, error) {
	if len(text) > maxWritten {
		return "", errAddress
	}
	if named := written.FindStringSubmatch(text); named != nil {
		return Parse(named[1])
	}
	return Parse(text)
}

// Domain returns a domain in lower case and in A-labels. Letters that lower case or IDNA's mapping would turn
// into other letters are an error: the domain that a mail server finds must be the one that was compared.
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

// lower is unicode.ToLower but for the letters beyond ASCII that it makes ASCII ones, such as İ and the
// Kelvin sign: to mail servers and in domains they are others, of whom the address may be.
func lower(r rune) rune {
	if small := unicode.ToLower(r); r <= unicode.MaxASCII || small > unicode.MaxASCII {
		return small
	}
	return r
}
