package scalar

import (
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"foyer/internal/fault"
	"foyer/internal/livekit"
)

// maxIdentity is the maximum length of a participant's identity in bytes. LiveKit's own limit is 256 by default.
const maxIdentity = 1024

// MarshalIdentity writes a participant's identity.
func MarshalIdentity(identity livekit.Identity) graphql.Marshaler {
	return graphql.MarshalString(string(identity))
}

// UnmarshalIdentity reads a participant's identity. Only LiveKit knows which identities exist, so every text of 1 to
// 1024 bytes is accepted; anything else is Invalid.
func UnmarshalIdentity(value any) (livekit.Identity, error) {
	text, ok := value.(string)
	if !ok || text == "" || len(text) > maxIdentity || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", fault.New(fault.Invalid, "a participant's id is a text of 1 to %d bytes", maxIdentity)
	}
	return livekit.Identity(text), nil
}
