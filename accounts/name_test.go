package accounts_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"foyer/accounts"
	"foyer/ent"
	"foyer/internal/text"
	"foyer/test/env"
)

func TestAccountNameIsAValidFormOfTheProvidersName(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, fullName, email, want string }{
		{"full name", "Ada Lovelace", "ada@example.org", "Ada Lovelace"},
		{"no full name", "", "ada.l@example.org", "ada.l"},
		{"a full name of spaces", "  \u00a0 ", "ada@example.org", "ada"},
		{"a full name of nothing to see", "\u200b\u200d", "ada@example.org", "ada"},
		{"a full name of control characters", "\x00\x1b\u202e", "ada@example.org", "ada"},
		{"neither", "", "", "Anonymous"},
		{"an e-mail address without a local part", "", "@example.org", "Anonymous"},
		{"control characters", "Ada\x00\n\u202eLovelace\u2069", "", "AdaLovelace"},
		{"control characters in the address", "", "a\x1bda\u202e@example.org", "ada"},
		{"invalid UTF-8", "Ada\xff\xed\xa0\x80", "", "Ada"},
		{"space around", "  Ada ", "", "Ada"},
		{"space once cleaned", "\x00 Ada \x00", "", "Ada"},
		{"100 letters", strings.Repeat("a", 100), "", strings.Repeat("a", 100)},
		{"101 letters", strings.Repeat("a", 101), "", strings.Repeat("a", 100)},
		{"85 Chinese letters: 255 bytes", strings.Repeat("会", 85), "", strings.Repeat("会", 85)},
		{"86 Chinese letters: 258 bytes", strings.Repeat("会", 86), "", strings.Repeat("会", 85)},
		{"64 emoji: 256 bytes", strings.Repeat("🦊", 64), "", strings.Repeat("🦊", 64)},
		{"65 emoji", strings.Repeat("🦊", 65), "", strings.Repeat("🦊", 64)},
		{"cut before a space", strings.Repeat("a", 99) + " b", "", strings.Repeat("a", 99)},
		{"nothing to see once cut", strings.Repeat("\u200d", 100) + "Ada", "ada@example.org", "ada"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			name := accounts.Name(&ent.User{FullName: test.fullName, Email: test.email})
			assert.Equal(t, test.want, name)
		})
	}
}

func TestEveryAccountNameIsAValidDisplayName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		u := &ent.User{FullName: env.AnyText.Draw(t, "full name"), Email: env.AnyText.Draw(t, "email")}
		name := accounts.Name(u)
		checked, err := text.CheckDisplayName("displayName", name)
		require.NoError(t, err, "%q", name)
		require.Equal(t, name, checked)
	})
}
