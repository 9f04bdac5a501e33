package accounts

import (
	"context"
	"fmt"
	"time"
	"unicode"

	"github.com/99designs/gqlgen/graphql"
	"golang.org/x/text/language"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/internal/text"
)

const (
	maxLanguage = 35 // bytes
	maxTimeZone = 64 // bytes
)

// Preferences is a change of the viewer's preferences. A field that is nil or not set stays as it is; a field that is
// set to nil returns to the default.
type Preferences struct {
	// DisplayName is the name with which the viewer enters meetings.
	DisplayName graphql.Omittable[*string]
	// Language is a BCP 47 tag.
	Language *string
	// TimeZone is an IANA name.
	TimeZone *string
	// DefaultAccessLevel and DefaultConfiguration are those of rooms that the viewer creates.
	DefaultAccessLevel   graphql.Omittable[*room.AccessLevel]
	DefaultConfiguration graphql.Omittable[*ent.ConfigurationInput]
}

// Prefer changes the viewer's preferences, and returns their account.
func (s *Service) Prefer(ctx context.Context, p Preferences) (*ent.User, error) {
	viewer, err := s.Viewer(ctx)
	if err != nil {
		return nil, err
	}
	update := viewer.Update()
	for _, set := range []func(*ent.UserUpdateOne) error{
		p.setDisplayName, p.setLanguage, p.setTimeZone, p.setRoomDefaults,
	} {
		if err := set(update); err != nil {
			return nil, err
		}
	}
	updated, err := update.Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("change preferences: %w", err)
	}
	return updated, nil
}

func (p Preferences) setDisplayName(update *ent.UserUpdateOne) error {
	given, set := p.DisplayName.ValueOK()
	switch {
	case !set:
		return nil
	case given == nil:
		update.ClearDisplayName()
		return nil
	}
	name, err := text.CheckDisplayName("displayName", *given)
	update.SetDisplayName(name)
	return err
}

func (p Preferences) setLanguage(update *ent.UserUpdateOne) error {
	if p.Language == nil {
		return nil
	}
	bad := fault.Field("language", "language is not a BCP 47 tag, such as fr or pt-BR")
	if len(*p.Language) > maxLanguage {
		return bad
	}
	tag, err := language.Parse(*p.Language)
	if err != nil || tag == language.Und || len(tag.String()) > maxLanguage {
		return bad
	}
	update.SetLanguage(tag.String())
	return nil
}

func (p Preferences) setTimeZone(update *ent.UserUpdateOne) error {
	if p.TimeZone == nil {
		return nil
	}
	if !isTimeZone(*p.TimeZone) {
		return fault.Field("timeZone", "timeZone is not an IANA time zone, such as Europe/Paris")
	}
	update.SetTimeZone(*p.TimeZone)
	return nil
}

// isTimeZone reports whether a text is an IANA name. All of those begin with a capital letter. Go itself adds "Local",
// and a machine's folder of time zones has other files, too.
func isTimeZone(name string) bool {
	if name == "" || len(name) > maxTimeZone || !unicode.IsUpper(rune(name[0])) || name == "Local" {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

func (p Preferences) setRoomDefaults(update *ent.UserUpdateOne) error {
	if level, set := p.DefaultAccessLevel.ValueOK(); set && level == nil {
		update.ClearDefaultAccessLevel()
	} else if set {
		update.SetDefaultAccessLevel(user.DefaultAccessLevel(*level))
	}
	c, set := p.DefaultConfiguration.ValueOK()
	switch {
	case !set:
	case c == nil:
		update.ClearDefaultPublishSources().ClearDefaultEveryoneCanMute().ClearDefaultDataAllowed()
	default:
		update.Mutation().ConfigureDefaults(c)
	}
	return nil
}
