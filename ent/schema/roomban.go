package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// RoomBan bans a person from a room: a user with any entry or, without an account, the holder of one entry.
type RoomBan struct{ ent.Schema }

// Mixin of the RoomBan.
func (RoomBan) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of the RoomBan.
func (RoomBan) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.UUID("person_id", uuid.UUID{}).Immutable().
			Comment("The user's id or, for a person without an account, the entry's id."),
		field.Bool("is_authenticated").Immutable().Comment("Whether person_id is the id of a user."),
		field.String("display_name").MaxLen(256).Immutable().Comment("The person's name at the time of the ban."),
		field.Enum("scope").Values("MEETING", "FOREVER"),
	}
}

// Edges of the RoomBan.
func (RoomBan) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("room", Room.Type).Ref("bans").Field("room_id").Unique().Required().Immutable().
			Annotations(uncollected),
	}
}

// Indexes of the RoomBan.
func (RoomBan) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("room_id", "person_id").Unique(), index.Fields("room_id", "created_at", "id"),
	}
}
