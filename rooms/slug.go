package rooms

import (
	"crypto/rand"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"foyer/internal/fault"
)

const (
	minSlug = 3
	maxSlug = 100
	maxLink = 4096 // bytes
)

var (
	slugDropped = regexp.MustCompile(`[^a-z0-9_ -]+`)
	slugHyphens = regexp.MustCompile(`[ -]+`)
)

// reserved are the first words of addresses that are no rooms.
var reserved = []string{
	"assets", "callback", "dev", "graphiql", "graphql", "healthz", "login", "logout", "media", "metrics",
	"oauth", "readyz", "recordings", "webhooks",
}

// randomSlug returns an address of ten letters, xxx-xxxx-xxx: 47 random bits.
func randomSlug() string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	b := []byte("xxx-xxxx-xxx")
	random := make([]byte, 1)
	for i := 0; i < len(b); {
		if b[i] == '-' {
			i++
			continue
		}
		rand.Read(random)
		if int(random[0]) < 256-256%len(letters) { // else some letters would come more often
			b[i] = letters[int(random[0])%len(letters)]
			i++
		}
	}
	return string(b)
}

// NormalizeSlug turns what a person types, pastes or chooses into the form that addresses have: lower-case
// ASCII letters, digits, underscores and single hyphens. Of a link to a room it returns the room's slug.
func NormalizeSlug(text string) string {
	if len(text) > maxLink {
		return ""
	}
	if text = linked(text); len(text) > 4*maxSlug {
		return ""
	}
	ascii := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r > unicode.MaxASCII:
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	slug := slugDropped.ReplaceAllString(strings.ToLower(ascii), "")
	return strings.Trim(slugHyphens.ReplaceAllString(slug, "-"), "-_")
}

// linked returns what a link has as its last path segment, and any other text as it is. A link begins with a
// slash, a scheme or a host.
func linked(text string) string {
	host, path, slashed := strings.Cut(strings.TrimSpace(text), "/")
	if !slashed || host != "" && !strings.ContainsAny(host, ".:") {
		return text
	}
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	path = strings.TrimRight(path, "/.")
	segment := path[strings.LastIndexByte(path, '/')+1:]
	if plain, err := url.PathUnescape(segment); err == nil {
		return plain
	}
	return segment
}

// chosenSlug checks an address that somebody chose. One that reads as a UUID would be taken for a
// room's id, so it is refused.
func chosenSlug(text string) (string, error) {
	slug := NormalizeSlug(text)
	if len(slug) < minSlug || len(slug) > maxSlug {
		return "", fault.Field("slug", "slug needs %d to %d characters (a–z, 0–9, hyphens, underscores)", minSlug, maxSlug)
	}
	if slices.Contains(reserved, slug) {
		return "", fault.Field("slug", "slug must be another: this address is Foyer's own")
	}
	if uuidLike(slug) || uuidLike(strings.TrimSpace(text)) {
		return "", fault.Field("slug", "slug must not look like an id")
	}
	return slug, nil
}

func uuidLike(slug string) bool {
	_, err := uuid.Parse(strings.ReplaceAll(slug, "_", "-"))
	return err == nil
}

// Temporary returns the LiveKit room name of a room that nobody has made, if such rooms are allowed
// and the slug is a good one; else NotFound.
func (s *Service) Temporary(slug string) (string, error) {
	name, err := chosenSlug(slug)
	if err != nil || !s.settings.TemporaryRooms {
		return "", errNoRoom()
	}
	return name, nil
}
