package auth

import (
	"strings"
	"unicode"

	"foyer/internal/mailbox"
)

const (
	maxName      = 200 // characters
	maxShortName = 100 // characters; and bytes
)

// NameClaims says which claims contain people's names.
type NameClaims struct {
	// Full are alternatives; the first one with a value counts. Each is the name of a claim, or the names of several
	// with spaces between them, which together make the full name.
	Full []string
	// Short is the name of one claim.
	Short string
}

// claims are what an issuer says about a person.
type claims map[string]any

func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

// identity returns the identity that claims describe. It leaves out values that are not names or addresses, because the
// person cannot correct them.
func (n NameClaims) identity(c claims) Identity {
	email, _ := mailbox.Parse(c.text("email"))
	who := Identity{Email: email, ShortName: readable(c.text(n.Short), maxShortName)}
	if len(who.ShortName) > maxShortName {
		who.ShortName = ""
	}
	if locale := c.text("locale"); locale != "" {
		who.Languages = []string{locale}
	}
	if zone := c.text("zoneinfo"); zone != "" {
		who.TimeZones = []string{zone}
	}
	// Some providers write a boolean as a string.
	who.EmailVerified = who.Email != "" && (c["email_verified"] == true || c["email_verified"] == "true")
	for _, alternative := range n.Full {
		var parts []string
		for name := range strings.FieldsSeq(alternative) {
			parts = append(parts, c.text(name))
		}
		if who.FullName = readable(strings.Join(parts, " "), maxName); who.FullName != "" {
			break
		}
	}
	return who
}

// readable cuts a name to what can be displayed.
func readable(name string, maxChars int) string {
	name = strings.ToValidUTF8(name[:min(len(name), 8*maxChars)], "")
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) ||
			r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name)
	if !strings.ContainsFunc(name, visible) {
		return ""
	}
	characters := []rune(strings.TrimSpace(name))
	return strings.TrimSpace(string(characters[:min(len(characters), maxChars)]))
}

// visible reports whether a character is visible; some letters and symbols are not.
func visible(r rune) bool {
	blank := unicode.IsSpace(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == '\u2800'
	return unicode.IsGraphic(r) && !blank
}
