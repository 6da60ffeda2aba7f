// Makes golden.json and golden-generics.json: messages as the C++ tool writes them. `node js/test/golden.mjs`, with Debian's `capnp` installed.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";

const cases = {
  scalars: ["Scalars", "(b=true,i8= -8,i16= -16,i32= -32,i64= -64,u8=8,u16=16,u32=32,u64=18446744073709551615,f32=1.25,f64= -2.5,colour=blue)"],
  noScalars: ["Scalars", "()"],
  defaults: ["Defaults", "()"],
  setDefaults: [
    "Defaults",
    '(b=false,i8=1,i16=1,i32=1,i64=1,u8=1,u16=1,u32=1,u64=1,f32=2.5,f64=3.5,colour=red,text="set",data=0x"aa")',
  ],
  emptyBlobs: ["Defaults", '(text="",data="")'],
  lists: [
    "Lists",
    "(voids=[void,void],bools=[true,false,true,true,false,false,false,false,true],i8s=[-1,2],i16s=[-3,4],i32s=[-5,6],i64s=[-7,8]," +
      'u8s=[1,255],u16s=[65535],u32s=[4294967295,1,2],u64s=[18446744073709551615],f32s=[0.5,-1],f64s=[0.1],colours=[red,blue],texts=["a","",' +
      '"grüße 🜁"],datas=[0x"01",""],structs=[(x=1,y=2,label="one"),(x=3)],matrix=[[1,2],[],[3]],grid=[[(x=9)],[(y=8,label="g")]])',
  ],
  noLists: ["Lists", "()"],
  circle: ["Shape", '(name="c",circle=0.5)'],
  polygon: ["Shape", '(name="p",polygon=[(x=1,label="a"),(y=2,label="b")],after="end")'],
  box: ["Shape", '(name="sq",box=(width=2,height=3,note="n"),style=(colour=green,pen=(dashed=[1,2,3])),after="z")'],
  none: ["Shape", '(none=void,style=(pen=(solid=void)))'],
  inner: ["Shape", '(inner=(name="in",inner=(name="deepest",none=void)),after="out")'],
  corner: ["Shape", '(corner=(x=1,label="c"))'],
  noShape: ["Shape", "()"],
  holder: ["Holder", '(empty=(),point=(x=1),other=(id=7,kind=fancy),others=[(id=1),(id=2,kind=fancy)],kind=fancy,empties=[(),(),()])'],
  old: ["OldHolder", '(one=(a=1,t="one"),many=[(a=2,t="two"),(a=3)],bytes=[4,5])'],
  new: [
    "NewHolder",
    '(one=(a=1,t="one",b=8,u="u",more=[(x=1)]),many=[(a=2,t="two",b=9),(a=3,u="three")],bytes=[(value=4,extra=1),(value=5)])',
  ],
};

const generics = {
  user: [
    "User",
    '(text=(value="t",next=(value="n",size=(label="l",count=3)),size=(label="s")),entry=(key="k",value=(name="p",age=4),tag=(extra="e",key="kk",swapped=(key="sk",value=(age=1)))),' +
      'numbers=(value=[1,4000000000]),boxes=[(value=0x"01"),(mark=marked)],nested=(value=(value=[red,blue])),either=(right="r"),' +
      'tag=(extra=0x"ff",key="tk",swapped=(key=0x"0102",value=(name="sw"))),grid=[[(value="g")],[]],mark=marked,other=(value=(x=1,label="o")))',
  ],
  noUser: ["User", "()"],
  fallbacks: ["Fallbacks", "()"],
  setFallbacks: [
    "Fallbacks",
    '(person=(name="set"),numbers=[],people=[],texts=["t"],box=(),shape=(none=void),itself=(numbers=[1]),bools=[],b=[],floats=[1],everything=(u8=2))',
  ],
  memberFallback: ["Fallbacks", "(c=void)"],
};

// Far and double-far pointers.
cases.listsInSegments = cases.lists;
cases.newInSegments = cases.new;

generics.userInSegments = generics.user;

function encoded(file, cases) {
  const golden = {};
  const schema = new URL(`schemas/${file}.capnp`, import.meta.url).pathname;
  for (const [name, [type, text]] of Object.entries(cases)) {
    const flags = name.endsWith("InSegments") ? ["--segment-size=2"] : [];
    const bytes = execFileSync("capnp", ["encode", ...flags, schema, type], { input: `${text}\n`, stdio: ["pipe", "pipe", "inherit"] });
    golden[name] = bytes.toString("hex");
  }
  return golden;
}

function write(file, golden) {
  writeFileSync(new URL(file, import.meta.url), `${JSON.stringify(golden, undefined, 2)}\n`);
}

const cwd = new URL("schemas/", import.meta.url);
const request = execFileSync("capnp", ["compile", "-o-", "files.capnp"], { cwd }).toString("hex");
write("golden.json", { ...encoded("everything", cases), request });
write("golden-generics.json", encoded("generics", generics));
