@0xa1b2c3d4e5f60002;
interface A(T) extends(B, C(T)) { m @0 [U] (t :T, u :U = void) -> (l :List(A(U))); n @1 S -> stream; struct S {} }
interface B {} interface C(X) { x @0 () -> X.Y; }
