package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// RoomAccess gives a user a role in a room: at most one role per room.
type RoomAccess struct{ ent.Schema }

// Mixin of the RoomAccess.
func (RoomAccess) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of the RoomAccess.
func (RoomAccess) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.Enum("role").Values("OWNER", "ADMINISTRATOR", "MEMBER"),
		field.String("email").Default("").
			Comment("The e-mail address with which a host gave the role; empty for another way."),
	}
}

// Edges of the RoomAccess.
func (RoomAccess) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("accesses").Field("user_id").Unique().Required().Immutable().
			Annotations(uncollected),
		edge.From("room", Room.Type).Ref("accesses").Field("room_id").Unique().Required().Immutable().
			Annotations(uncollected),
	}
}

// Indexes of the RoomAccess.
func (RoomAccess) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id", "room_id").Unique(), index.Fields("room_id", "role")}
}
