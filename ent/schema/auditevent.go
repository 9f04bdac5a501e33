package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// AuditEvent is one act of moderation: who did what to whom, in which room, when.
type AuditEvent struct{ ent.Schema }

// Mixin of the AuditEvent.
func (AuditEvent) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of the AuditEvent.
func (AuditEvent) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.Enum("action").Immutable().Values("ADMIT", "DENY", "MUTE", "UPDATE_PARTICIPANT", "REMOVE",
			"BAN", "LIFT_BAN", "RETURN_TO_LOBBY", "SET_ROLE", "SET_LOBBY_MESSAGE", "LOCK", "UNLOCK",
			"UPDATE_ROOM", "END_MEETING", "START_RECORDING", "STOP_RECORDING", "DELETE_RECORDING",
			"SHARE_RECORDING", "UNSHARE_RECORDING"),
		field.UUID("actor_id", uuid.UUID{}).Immutable().
			Comment("The user's id or, for a participant without an account, their identity."),
		field.String("actor_name").MaxLen(800).Immutable(),
		field.UUID("target_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("The entry's or participant's id; null for an act on the room."),
		field.String("target_name").MaxLen(800).Default("").Immutable(),
		field.String("detail").MaxLen(2000).Default("").Immutable().
			Comment("Details, such as a role, a source or a ban's scope."),
	}
}

// Edges of the AuditEvent.
func (AuditEvent) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("room", Room.Type).Ref("audit_events").Field("room_id").Unique().Required().Immutable().
			Annotations(uncollected),
	}
}

// Indexes of the AuditEvent.
func (AuditEvent) Indexes() []ent.Index {
	return []ent.Index{index.Fields("room_id", "created_at", "id")}
}
