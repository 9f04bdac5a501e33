package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// PublishSource is a kind of media that a participant can send. The names are LiveKit's own.
type PublishSource string

// Every publish source.
const (
	Camera           PublishSource = "camera"
	Microphone       PublishSource = "microphone"
	ScreenShare      PublishSource = "screen_share"
	ScreenShareAudio PublishSource = "screen_share_audio"
)

// Room is a place where people meet. Its id is also the name of its LiveKit room.
//
// Each setting of the configuration has its own column, so that two hosts who change different settings at the same
// time do not overwrite each other.
type Room struct{ ent.Schema }

// Mixin of the Room.
func (Room) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of the Room.
func (Room) Fields() []ent.Field {
	return []ent.Field{
		field.String("slug").Unique().NotEmpty().MaxLen(100).Immutable().
			Comment("The room's permanent address."),
		field.String("name").NotEmpty().MaxLen(800).Comment("Free text of at most 200 characters."),
		field.Enum("access_level").Values("PUBLIC", "TRUSTED", "RESTRICTED"),
		field.JSON("publish_sources", []PublishSource{}).Optional().
			Comment("The sources that guests and members may publish; null for the server's defaults."),
		field.Bool("everyone_can_mute").Default(true),
		field.Bool("data_allowed").Default(true),
		field.Time("locked_at").Optional().Nillable().
			Comment("When the room was locked for everybody but hosts; null for an open room."),
	}
}

// Edges of the Room.
func (Room) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("accesses", RoomAccess.Type).
			Annotations(entsql.OnDelete(entsql.Cascade), uncollected),
		edge.To("bans", RoomBan.Type).
			Annotations(entsql.OnDelete(entsql.Cascade), uncollected),
		edge.To("audit_events", AuditEvent.Type).
			Annotations(entsql.OnDelete(entsql.Cascade), uncollected),
		edge.To("recordings", Recording.Type).
			Annotations(entsql.OnDelete(entsql.Cascade), uncollected),
	}
}

// Indexes of the Room.
func (Room) Indexes() []ent.Index { return []ent.Index{index.Fields("created_at", "id")} }
