package auth

// Scope is something that an application may do for users.
type Scope string

// Every scope.
const (
	RoomsCreate   Scope = "rooms:create"
	RoomsList     Scope = "rooms:list"
	RoomsRetrieve Scope = "rooms:retrieve"
	RoomsUpdate   Scope = "rooms:update"
	RoomsDelete   Scope = "rooms:delete"
)

// Scopes returns every scope.
func Scopes() []Scope {
	return []Scope{RoomsCreate, RoomsList, RoomsRetrieve, RoomsUpdate, RoomsDelete}
}
