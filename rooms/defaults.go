package rooms

import (
	"github.com/99designs/gqlgen/graphql"

	"foyer/ent"
	"foyer/ent/room"
)

// defaultAccessLevel returns the access level of a user's new room.
func (s *Service) defaultAccessLevel(u *ent.User) room.AccessLevel {
	if u.DefaultAccessLevel == nil {
		return s.settings.DefaultAccessLevel
	}
	return room.AccessLevel(*u.DefaultAccessLevel)
}

// DefaultConfiguration returns the configuration of a user's new room.
func DefaultConfiguration(u *ent.User) *ent.Room {
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

// defaultConfiguration returns a user's preferences for the configuration of new rooms.
func defaultConfiguration(u *ent.User) *ent.ConfigurationInput {
	c := &ent.ConfigurationInput{
		EveryoneCanMute: u.DefaultEveryoneCanMute, DataAllowed: u.DefaultDataAllowed,
	}
	if u.DefaultPublishSources != nil {
		c.PublishSources = graphql.OmittableOf(u.DefaultPublishSources)
	}
	return c
}
