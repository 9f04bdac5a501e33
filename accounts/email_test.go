package accounts_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"foyer/accounts"
	"foyer/test/env"
)

func TestRecipientIsAPlainAddress(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Ada@Example.ORG": "ada@example.org", " ada+x@example.org ": "ada+x@example.org",
		"zoë@exämple.org": "zoë@xn--exmple-cua.org", "bob@MÜLLER.example": "bob@xn--mller-kva.example",
		"o'hara@example.org": "o'hara@example.org",
		"<ada@example.org>":  "ada@example.org", `"ada"@example.org`: "ada@example.org",
		"Ada <ada@example.org>": "ada@example.org", `"Lovelace, Ada" <Ada@example.org>`: "ada@example.org",
		"Eve X. <eve@example.org>": "eve@example.org", "Lovelace, Ada <ada@example.org>": "ada@example.org",
		"ada@example.org <ada@example.org>":   "ada@example.org",
		`"eve@example.net" <ada@example.org>`: "ada@example.org",
		"":                                    "", "ada": "",
		"Ada <ada>": "", "Ada <>": "", "Ada <ada@example.org": "", "Ada ada@example.org>": "",
		"bob@example.org, Ada <ada@example.org>": "", "<bob@example.org> <ada@example.org>": "",
		"bob@example.org; Ada <ada@example.org>": "", `Ada <"a b"@example.org>`: "",
		"pat@example,org": "", "ada@exa\u212aple.org": "", "ada@ｅxample.org": "", `"a b"@example.org`: "",
		`"a>b"@example.org`: "", `"a@b"@example.org`: "", "ada@[127.0.0.1]": "",
		"ada@example.org\r\nBcc: eve@example.net": "", "ada\u202e@example.org": "",
		"ada@example.org, bob@example.org": "", "ada\u2028x@example.org": "",
	} {
		got, err := accounts.CheckRecipient(given)
		assert.Equal(t, want, got, "%q", given)
		if want == "" {
			env.AssertBlames(t, err, "email", "")
		}
	}
}
