package mailbox_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"foyer/internal/mailbox"
)

// TestParsedAddressParsesToItself: stored addresses are parsed again when somebody signs in or gets an e-mail.
func TestParsedAddressParsesToItself(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Ada@Example.org": "ada@example.org", `"ada"@example.org`: "ada@example.org", "<ada@example.org>": "ada@example.org",
		"zoë@bücher.example": "zoë@xn--bcher-kva.example", "ada@[192.0.2.1]": "ada@[192.0.2.1]",
		"o'hara+x@example.org":        "o'hara+x@example.org",
		`"a@example.net"@example.org`: "", `"a b"@example.org`: "", `".a"@example.org`: "", `"a\"b"@example.org`: "",
		`"eve@example.net> NOTIFY=NEVER"@example.org`: "", "\"a\tb\"@example.org": "",
	} {
		address, err := mailbox.Parse(text)
		assert.Equal(t, want, address, text)
		assert.Equal(t, want == "", err != nil, text)
		if want != "" {
			again, err := mailbox.Parse(address)
			assert.NoError(t, err, text)
			assert.Equal(t, want, again, text)
		}
	}
}
