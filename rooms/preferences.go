package rooms

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
)

const (
	maxLanguage = 35 // bytes
	maxTimeZone = 64 // bytes
)

// Preferences is a change of what the viewer prefers: what is nil or not set stays as it is, and what
// is set to nil goes back to the default.
type Preferences struct {
	// DisplayName is the name under which he enters calls.
	DisplayName graphql.Omittable[*string]
	// Language is a BCP 47 tag.
	Language *string
	// TimeZone is an IANA name.
	TimeZone *string
	// DefaultAccessLevel and DefaultConfiguration are of the rooms that he makes.
	DefaultAccessLevel   graphql.Omittable[*room.AccessLevel]
	DefaultConfiguration graphql.Omittable[*Configuration]
}

// Prefer changes what the viewer prefers and returns his account.
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
	name, err := CheckDisplayName("displayName", *given)
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

// isTimeZone reports whether a text is a name of IANA's. Each begins with a capital. "Local" is Go's own, and what
// else there is in a folder of time zones is the machine's own.
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
		if sources, set := c.PublishSources.ValueOK(); set && sources == nil {
			update.ClearDefaultPublishSources()
		} else if set {
			update.SetDefaultPublishSources(normal(sources))
		}
		update.SetNillableDefaultEveryoneCanMute(c.EveryoneCanMute)
		update.SetNillableDefaultDataAllowed(c.DataAllowed)
	}
	return nil
}

// DefaultAccessLevel returns that of the rooms that a user makes without saying.
func (s *Service) DefaultAccessLevel(u *ent.User) room.AccessLevel {
	if u.DefaultAccessLevel == nil {
		return s.settings.DefaultAccessLevel
	}
	return room.AccessLevel(*u.DefaultAccessLevel)
}

// DefaultConfiguration returns a room's that a user makes without saying.
func (s *Service) DefaultConfiguration(u *ent.User) *ent.Room {
	r := &ent.Room{
		PublishSources:  u.DefaultPublishSources,
		EveryoneCanMute: room.DefaultEveryoneCanMute, DataAllowed: room.DefaultDataAllowed,
	}
	if u.DefaultEveryoneCanMute != nil {
		r.EveryoneCanMute = *u.DefaultEveryoneCanMute
	}
	if u.DefaultDataAllowed != nil {
		r.DataAllowed = *u.DefaultDataAllowed
	}
	return r
}

// defaultConfiguration returns what a user says of the rooms that he makes.
func defaultConfiguration(u *ent.User) *Configuration {
	c := &Configuration{
		EveryoneCanMute: u.DefaultEveryoneCanMute, DataAllowed: u.DefaultDataAllowed,
	}
	if u.DefaultPublishSources != nil {
		c.PublishSources = graphql.OmittableOf(u.DefaultPublishSources)
	}
	return c
}
